"""Threads are set before TensorFlow computes, and not after."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from tfapp.core import threads

# Before the tests' own fixture makes it one.
from tfapp.core.threads import set_compute_threads, shard_count

_PROGRAM = """
from tfapp.core.threads import set_compute_threads
set_compute_threads(3, 2)
import tensorflow as tf
tf.constant(1) + 1
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [pytest.param({}, "3 2", marks=pytest.mark.slow), ({"TF_NUM_INTRAOP_THREADS": "2"}, "0 2")],
    ids=str,
)
def test_threads_are_set_unless_tensorflows_variables_say_them(variables: dict[str, str], expected: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == expected


def test_too_late_is_told() -> None:
    tf.constant(1) + 1
    count = tf.config.threading.get_intra_op_parallelism_threads()
    assert not set_compute_threads(count + 1)
    assert tf.config.threading.get_intra_op_parallelism_threads() == count


def of_processors(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(count)), raising=False)


@pytest.mark.parametrize(
    ("processors", "threads_an_op", "streams"),
    [(1, 1, 1), (2, 1, 2), (2, 0, 1), (4, 4, 1), (8, 2, 4), (16, 1, 4), (2, 16, 1)],
)
def test_streams_fill_the_processors(
    monkeypatch: pytest.MonkeyPatch, processors: int, threads_an_op: int, streams: int
) -> None:
    of_processors(monkeypatch, processors)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: threads_an_op)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: [])
    assert shard_count() == streams
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert shard_count() == 1


@pytest.mark.parametrize(("processors", "threads_an_op"), [(1, 1), (2, 1), (4, 1), (6, 2), (16, 4)])
def test_a_training_leaves_processors_to_its_streams(
    monkeypatch: pytest.MonkeyPatch, processors: int, threads_an_op: int
) -> None:
    of_processors(monkeypatch, processors)
    counts: list[int] = []
    monkeypatch.setattr(threads, "set_compute_threads", counts.append)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    threads.set_training_threads()
    assert counts == []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _kind: [])
    threads.set_training_threads()
    assert counts == [threads_an_op]
