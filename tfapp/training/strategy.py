"""Makes the `tf.distribute` strategy, here alone."""

from __future__ import annotations

import functools
import os
from typing import Final, Literal

import tensorflow as tf

from tfapp.config import TrainingSettings
from tfapp.errors import TrainingError

__all__ = ["check_same_step", "is_chief", "make_strategy", "total_over_workers", "uses_xla"]

# On an H200 a step of BERT base takes 124 ms op by op, KerasHub's `fit`, which is compiled, 25; and to compile took so
# long as 1000 of the steps.
_XLA_STEPS: Final = 2000

StrategyName = Literal["auto", "none", "mirrored", "multi-worker"]


def make_strategy(name: StrategyName = "auto", *, devices: list[str] | None = None) -> tf.distribute.Strategy:
    """Makes the strategy that a run trains under.

    With one device there is none: XLA compiles outside strategies only. The same devices give the same
    MirroredStrategy again.

    Args:
        name: "auto" takes "multi-worker" where TF_CONFIG is set, "mirrored" with several GPUs, else "none".
        devices: For "mirrored": the devices' names; by default all GPUs.

    Returns:
        The default strategy, a MirroredStrategy or a MultiWorkerMirroredStrategy.

    Raises:
        TrainingError: The named strategy cannot run here.
    """
    if name == "multi-worker" or (name == "auto" and "TF_CONFIG" in os.environ):
        if "TF_CONFIG" not in os.environ:
            raise TrainingError("training.strategy is multi-worker, but TF_CONFIG is not set; set it on every worker")
        return _multi_worker()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        if not gpus and not devices:
            raise TrainingError("training.strategy is mirrored, but TensorFlow sees no GPU; use strategy none")
        return _mirrored_strategy(tuple(devices) if devices else None)
    return tf.distribute.get_strategy()


def uses_xla(settings: TrainingSettings, rows: int, strategy: tf.distribute.Strategy) -> bool:
    """Returns whether XLA compiles the model of a run; where `settings.xla` is unset, its steps on the rows count.

    Raises:
        TrainingError: It is wanted, on several devices.
    """
    devices = strategy.num_replicas_in_sync
    if settings.xla is None:
        # A head alone is fitted to what the frozen layers make of each text once.
        steps = 0 if settings.adapt == "head" else settings.epochs * rows / settings.batch_size
        return bool(tf.config.list_physical_devices("GPU")) and devices == 1 and steps >= _XLA_STEPS
    if settings.xla and devices > 1:
        raise TrainingError(
            f"training.xla is true, but there are {devices} devices; set it to false, or training.strategy to none"
        )
    return settings.xla


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes the run's files: the first worker, or the only process."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return resolver.task_type == first and resolver.task_id == 0


def total_over_workers(strategy: tf.distribute.Strategy, value: float) -> float:
    """Sums a number over all replicas. Returns when every worker has come here."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return value * strategy.num_replicas_in_sync
    replica_values = strategy.run(lambda: tf.constant(value, tf.float32))
    return float(strategy.reduce(tf.distribute.ReduceOp.SUM, replica_values, axis=None))


def check_same_step(strategy: tf.distribute.Strategy, step: int) -> None:
    """Checks that all workers go on from the same step.

    Raises:
        TrainingError: They do not.
    """
    if total_over_workers(strategy, step) != step * strategy.num_replicas_in_sync:
        raise TrainingError("the workers have different checkpoints; --resume needs --runs in a folder they share")


@functools.cache
def _mirrored_strategy(devices: tuple[str, ...] | None) -> tf.distribute.Strategy:
    # One for all runs of a process: two give their collectives the same numbers, and TensorFlow mixes them up.
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker() -> tf.distribute.Strategy:
    # Before anything looks at the devices: the workers must find each other first.
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (ValueError, TypeError, AttributeError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"TF_CONFIG: no cluster can be made of it: {reason}; it needs the addresses of all workers as "
            '{"cluster": {"worker": [...]}, "task": {"type": "worker", "index": ...}}'
        ) from error
