"""tf.data pipelines whose numbers of threads and buffers are fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["without_autotune"]


def without_autotune(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset without tf.data's tuner, for pipelines that have nothing to tune.

    The tuner's thread sleeps for ever longer times, up to a minute. An iterator that ends often waits until it wakes:
    with TensorFlow 2.21, one that had lived for five seconds took five more to end.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
