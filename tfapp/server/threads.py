"""How many threads TensorFlow computes one run with."""

from __future__ import annotations

import os
from typing import Final

from tfapp.quiet import import_tensorflow

__all__ = ["INTRA_OP_THREADS", "set_compute_threads"]

# One: the batches that run at the same time fill the processors, and none of them spends time on dividing its work.
# On two cores a BERT of 6 layers then answers more short texts, and a lone one sooner (benchmarks/serving_overhead.py).
INTRA_OP_THREADS: Final = 1


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
