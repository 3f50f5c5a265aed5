"""Sets how many threads TensorFlow computes with, and counts the parts of a batch that run in parallel."""

from __future__ import annotations

import os
from typing import Final

from tfapp.core.tensorflow_import import import_tensorflow

__all__ = ["INTRA_OP_THREADS", "set_compute_threads", "set_training_threads", "shard_count"]

# One: the batches that run at the same time fill the processors, and none of them spends time on dividing its work.
# On two cores a BERT of 6 layers then answers more short texts, and a lone one sooner (benchmarks/serving_overhead.py).
INTRA_OP_THREADS: Final = 1
# Parts of a training's batch; more of them are smaller products, and more gradients to sum.
_MOST_SHARDS: Final = 4


def set_compute_threads(intra_op: int = INTRA_OP_THREADS, inter_op: int = 0) -> bool:
    """Sets the threads of this process, before it computes anything.

    What TensorFlow's own variables TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS say is left as it is.

    Args:
        intra_op: Threads that divide one operation; 0: as many as there are processors.
        inter_op: Threads that run operations side by side; 0: as many as there are processors.

    Returns:
        Whether they are set; False: TensorFlow has computed something already, and keeps those that it has.
    """
    import_tensorflow(text=False)
    import tensorflow as tf

    try:
        if "TF_NUM_INTRAOP_THREADS" not in os.environ:
            tf.config.threading.set_intra_op_parallelism_threads(intra_op)
        if "TF_NUM_INTEROP_THREADS" not in os.environ:
            tf.config.threading.set_inter_op_parallelism_threads(inter_op)
    except RuntimeError:
        return False
    return True


def set_training_threads() -> None:
    """Sets the threads of a process that trains: so many that `shard_count` parts of a batch fill the processors.

    Beside a GPU they are left as they are.
    """
    import_tensorflow()
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        set_compute_threads(-(-_processors() // _MOST_SHARDS))


def shard_count() -> int:
    """Returns into how many shards a training divides a batch, to compute them in parallel.

    There are as many as there are processors for each of the threads that divide an operation; one where nobody set
    these, since each operation takes all processors then, and one beside a GPU.
    """
    import tensorflow as tf

    threads = tf.config.threading.get_intra_op_parallelism_threads()
    if not threads or tf.config.list_physical_devices("GPU"):
        return 1
    return max(min(_processors() // threads, _MOST_SHARDS), 1)


def _processors() -> int:
    """Returns how many processors this process may use, as TensorFlow counts them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
