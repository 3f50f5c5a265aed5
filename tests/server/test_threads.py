"""Threads are set before TensorFlow computes, and not after."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tfapp.server.threads import set_compute_threads

_PROGRAM = """
from tfapp.server.threads import set_compute_threads
set_compute_threads(3, 2)
import tensorflow as tf
tf.constant(1) + 1
print(tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads())
"""


@pytest.mark.parametrize(("variables", "expected"), [({}, "3 2"), ({"TF_NUM_INTRAOP_THREADS": "2"}, "0 2")], ids=str)
def test_threads_are_set_unless_tensorflows_variables_say_them(variables: dict[str, str], expected: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=os.environ | variables, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == expected


def test_too_late_is_told() -> None:
    import tensorflow as tf

    tf.constant(1) + 1
    before = tf.config.threading.get_intra_op_parallelism_threads()
    assert not set_compute_threads(before + 1)
    assert tf.config.threading.get_intra_op_parallelism_threads() == before
