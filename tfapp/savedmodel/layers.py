"""The parts of a BERT layer for inference, in the forms that TensorFlow's optimizer turns into single oneDNN ops.

On a processor without oneDNN the same graph computes the same, in more ops.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import tensorflow as tf

from tfapp.savedmodel.weights import Precision, keep, keep_matrix

__all__ = ["Dense", "Norm"]

# Of BERT's layer norms (google-research/bert, modeling.py).
_EPSILON: Final = 1e-12


class Dense(tf.Module):
    """A matrix product, and what is added to it, from a kernel float[I, O] and a bias float[O]."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, precision: Precision) -> None:
        super().__init__()
        self.kernel = keep_matrix(np.asarray(kernel), precision)
        self.bias = keep(bias, precision.dtype)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns [P, O] from [P, I]. An activation, or another tensor that is added, becomes part of the same op."""
        return tf.nn.bias_add(tf.matmul(x, self.kernel.read()), self.bias)


class Norm(tf.Module):
    """A layer norm (Ba et al. 2016), made of a Keras layer, with the dtype of its output."""

    def __init__(self, layer: Any, dtype: tf.DType) -> None:
        super().__init__()
        self.gamma = keep(layer.gamma, dtype)
        self.beta = keep(layer.beta, dtype)

    def __call__(self, x: tf.Tensor, *, few: bool) -> tf.Tensor:
        """Normalizes [P, H], P at least 1; with few tokens, setting the one op up would take longer than plain ops."""
        return self._plain(x) if few else self._fused(x)

    def _fused(self, x: tf.Tensor) -> tf.Tensor:
        """Returns a batch norm with the tokens as channels, as Keras 2 computed layer norms.

        Of that TensorFlow's optimizer makes one op (grappler's remapper, `FindMklLayerNorm`).
        """
        rows = tf.shape(x)[0]
        images = tf.reshape(x, [1, rows, x.shape[-1], 1])
        nothing = tf.constant([], tf.float32)
        normal = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=tf.fill([rows], 1.0),
            offset=tf.fill([rows], 0.0),
            mean=nothing,
            variance=nothing,
            epsilon=_EPSILON,
            data_format="NCHW",
            is_training=True,
        ).y
        return tf.reshape(normal, tf.shape(x)) * self.gamma + self.beta

    def _plain(self, x: tf.Tensor) -> tf.Tensor:
        values = tf.cast(x, tf.float32)
        centred = values - tf.reduce_mean(values, axis=-1, keepdims=True)
        spread = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True) + _EPSILON)
        return tf.cast(centred * spread, self.gamma.dtype) * self.gamma + self.beta
