"""The parts of a BERT layer for inference, in the forms that TensorFlow's optimizer turns into single oneDNN ops.

On a processor without oneDNN the same graph computes the same, in more ops. Weights are kept in what it computes in, or
in 8 bits, unpacked when a model is loaded.
"""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf

__all__ = ["PRECISIONS", "Dense", "Matrix", "Norm", "PackedMatrix", "Precision", "Table", "keep"]

_TOP: Final = 127


@dataclass(frozen=True)
class Precision:
    """The number format in which a graph computes and keeps its weights.

    Attributes:
        name: As `export.precision` names it.
        dtype: What dense layers and attention compute in.
        packed: Whether matrices are kept as 8-bit integers.
    """

    name: str
    dtype: tf.DType
    packed: bool = False

    @property
    def exact(self) -> bool:
        """Returns whether the format is that of the training: float32, unpacked."""
        return self.dtype == tf.float32 and not self.packed


PRECISIONS: Final = {
    precision.name: precision
    for precision in (
        Precision("float32", tf.float32),
        Precision("bfloat16", tf.bfloat16),
        # Products of 8-bit integers by TensorFlow's own ops are slower than bfloat16's: see benchmarks/NOTES.md.
        Precision("int8", tf.bfloat16, packed=True),
    )
}

# Of BERT's layer norms (google-research/bert, modeling.py).
_EPSILON: Final = 1e-12


class Dense(tf.Module):
    """A dense layer, from a kernel float[I, O] and a bias float[O]."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, precision: Precision) -> None:
        super().__init__()
        kind = PackedMatrix if precision.packed else Matrix
        self.kernel = kind(np.asarray(kernel), precision.dtype)
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
        return self._normalize(x) if few else self._normalize_fused(x)

    def _normalize_fused(self, x: tf.Tensor) -> tf.Tensor:
        """Returns a batch norm with the tokens as channels, as Keras 2 computed layer norms.

        Of that TensorFlow's optimizer makes one op (grappler's remapper, `FindMklLayerNorm`).
        """
        rows = tf.shape(x)[0]
        images = tf.reshape(x, [1, rows, x.shape[-1], 1])
        empty = tf.constant([], tf.float32)
        normal = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=tf.fill([rows], 1.0),
            offset=tf.fill([rows], 0.0),
            mean=empty,
            variance=empty,
            epsilon=_EPSILON,
            data_format="NCHW",
            is_training=True,
        ).y
        return tf.reshape(normal, tf.shape(x)) * self.gamma + self.beta

    def _normalize(self, x: tf.Tensor) -> tf.Tensor:
        values = tf.cast(x, tf.float32)
        deviations = values - tf.reduce_mean(values, axis=-1, keepdims=True)
        inverse_deviation = tf.math.rsqrt(tf.reduce_mean(tf.square(deviations), axis=-1, keepdims=True) + _EPSILON)
        return tf.cast(deviations * inverse_deviation, self.gamma.dtype) * self.gamma + self.beta


class Matrix(tf.Module):
    """A matrix float[I, O], kept in the dtype of its products."""

    def __init__(self, values: np.ndarray, dtype: tf.DType) -> None:
        super().__init__()
        self.values = keep(values, dtype)

    def read(self) -> tf.Tensor:
        """Returns the matrix, [I, O]."""
        return tf.convert_to_tensor(self.values)


class PackedMatrix(tf.Module):
    """A matrix float[I, O] kept as 8-bit integers with a scale for each column, unpacked when the model is loaded."""

    def __init__(self, values: np.ndarray, dtype: tf.DType) -> None:
        super().__init__()
        packed_values, scales = _pack(values, axis=0)
        self.packed = tf.Variable(packed_values, trainable=False, name="packed")
        self.scales = tf.Variable(scales, trainable=False, name="scales")
        self._unpacked = _Unpacked(self.packed, self.scales, dtype)

    def read(self) -> tf.Tensor:
        """Returns the matrix, [I, O]."""
        return self._unpacked.read()


class _Unpacked(tf.saved_model.experimental.TrackableResource):
    """A variable that is not saved, but computed from packed values whenever the SavedModel is loaded."""

    def __init__(self, packed_values: tf.Variable, scales: tf.Variable, dtype: tf.DType) -> None:
        super().__init__()
        self._packed = packed_values
        self._scales = scales
        self._dtype = dtype
        # Whatever loads it in TensorFlow 2 makes the name another one each time.
        self._name = f"unpacked_{uuid.uuid4()}"
        self._initialize()

    def read(self) -> tf.Tensor:
        values = tf.raw_ops.ReadVariableOp(resource=self.resource_handle, dtype=self._dtype)
        return tf.ensure_shape(values, self._packed.shape)

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=self._dtype, shape=self._packed.shape, shared_name=self._name)

    def _initialize(self) -> None:
        values = tf.cast(tf.cast(self._packed, tf.float32) * self._scales, self._dtype)
        tf.raw_ops.AssignVariableOp(resource=self.resource_handle, value=values)

    def _destroy_resource(self) -> None:
        # At the very end there is nothing to free, and TensorFlow is half gone.
        if not sys.is_finalizing():
            tf.raw_ops.DestroyResourceOp(resource=self.resource_handle, ignore_lookup_error=True)


class Table(tf.Module):
    """A table float[V, H] that is looked up row by row; packed, with a scale for each row, it stays so."""

    def __init__(self, values: np.ndarray, precision: Precision) -> None:
        super().__init__()
        self.scales: tf.Variable | None = None
        if precision.packed:
            packed_values, scales = _pack(values, axis=1)
            self.rows = tf.Variable(packed_values, trainable=False, name="rows")
            self.scales = tf.Variable(scales, trainable=False, name="scales")
        else:
            self.rows = keep(values, precision.dtype)

    def look_up(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns the rows float32[P, H] by their numbers int32[P]."""
        rows = tf.cast(tf.gather(self.rows, numbers), tf.float32)
        return rows if self.scales is None else rows * tf.gather(self.scales, numbers)


def keep(values: np.ndarray, dtype: tf.DType) -> tf.Variable:
    """Returns a variable for values that are never packed."""
    return tf.Variable(tf.cast(values, dtype), trainable=False, name="values")


def _pack(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns int8 of the same shape, and float32 scales whose product with it is nearest to the values."""
    scales = np.maximum(np.abs(values).max(axis=axis, keepdims=True), np.finfo(np.float32).tiny * _TOP) / _TOP
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)
