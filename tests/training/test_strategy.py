"""The strategy factory, and who writes a run's files."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any, cast

import pytest
import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.errors import TrainingError
from tfapp.training import is_chief, make_strategy, total_over_workers
from tfapp.training.strategy import uses_xla


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)


cpu_only = pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="checks a machine without a GPU")


def test_no_strategy_is_tensorflow_s_own() -> None:
    assert make_strategy("none") is tf.distribute.get_strategy()


@cpu_only
def test_a_cpu_alone_needs_no_strategy() -> None:
    assert make_strategy("auto") is tf.distribute.get_strategy()
    assert make_strategy() is tf.distribute.get_strategy()


def test_named_devices_are_mirrored(two_devices: list[str]) -> None:
    strategy = make_strategy("mirrored", devices=two_devices)
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert strategy.num_replicas_in_sync == 2
    assert is_chief(strategy)


def test_a_second_run_on_the_same_devices_has_the_same_strategy(two_devices: list[str]) -> None:
    """Two strategies number their collectives alike: sums of other shapes in the second run would be an error."""
    sums = []
    for shape in ([3], [2, 5]):
        strategy = make_strategy("mirrored", devices=two_devices)
        step = tf.function(functools.partial(sum_over_replicas, shape=shape))
        (first, _) = strategy.experimental_local_results(strategy.run(step))
        sums.append(first.numpy().tolist())
    assert sums == [[2.0] * 3, [[2.0] * 5] * 2]


def sum_over_replicas(shape: list[int]) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.ones(shape))


@cpu_only
def test_mirrored_without_a_gpu_is_one_line_with_the_way_out() -> None:
    with pytest.raises(TrainingError, match=r"^training\.strategy is mirrored, .* no GPU; use strategy none$"):
        make_strategy("mirrored")


def test_multi_worker_without_a_cluster_is_one_line_with_the_way_out() -> None:
    with pytest.raises(TrainingError, match="TF_CONFIG is not set; set it on every worker"):
        make_strategy("multi-worker")


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "worker 0",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 3}}',
        '{"cluster": ["a:1"], "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_broken_cluster_is_one_line(monkeypatch: pytest.MonkeyPatch, config: str) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(TrainingError, match="TF_CONFIG") as excinfo:
        make_strategy("auto")
    assert len(str(excinfo.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("cluster", "kind", "number", "chief"),
    [
        ({"worker": ["a:1", "b:1"]}, "worker", 0, True),
        ({"worker": ["a:1", "b:1"]}, "worker", 1, False),
        ({"chief": ["a:1"], "worker": ["b:1"]}, "chief", 0, True),
        # Beside a chief, the first worker writes nothing.
        ({"chief": ["a:1"], "worker": ["b:1"]}, "worker", 0, False),
        ({}, "", None, True),
    ],
)
def test_one_process_writes_the_files(
    cluster: dict[str, list[str]], kind: str, number: int | None, chief: bool
) -> None:
    resolver = SimpleNamespace(task_type=kind, task_id=number, cluster_spec=lambda: tf.train.ClusterSpec(cluster))
    assert is_chief(cast("Any", SimpleNamespace(cluster_resolver=resolver))) is chief


def test_a_process_without_a_cluster_is_its_own_chief() -> None:
    assert is_chief(tf.distribute.get_strategy())


def test_a_number_is_summed_over_the_replicas(two_devices: list[str]) -> None:
    assert total_over_workers(tf.distribute.get_strategy(), 7) == 7
    assert total_over_workers(make_strategy("mirrored", devices=two_devices), 7) == 14


@cpu_only
def test_xla_compiles_on_one_device_where_it_is_wanted(two_devices: list[str]) -> None:
    single_device, two_replicas = tf.distribute.get_strategy(), make_strategy("mirrored", devices=two_devices)
    with_xla, without_xla, defaults = (TrainingSettings(xla=xla) for xla in (True, False, None))
    assert uses_xla(with_xla, 10, single_device)
    assert not any(
        uses_xla(settings, 10**6, strategy)
        for settings in (without_xla, defaults)
        for strategy in (single_device, two_replicas)
    )
    with pytest.raises(TrainingError, match=r"^training\.xla is true, but there are 2 devices; set it to false, or "):
        uses_xla(with_xla, 10, two_replicas)


def test_on_a_gpu_xla_compiles_long_trainings(monkeypatch: pytest.MonkeyPatch, two_devices: list[str]) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    settings, single_device = TrainingSettings(epochs=2, batch_size=10), tf.distribute.get_strategy()
    assert uses_xla(settings, 10_000, single_device)
    assert not uses_xla(settings, 9_990, single_device)
    assert not uses_xla(settings, 10_000, make_strategy("mirrored", devices=two_devices))
