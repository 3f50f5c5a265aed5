"""How a graph for inference keeps its weights: in what it computes in, or in 8 bits, unpacked when it is loaded."""

from __future__ import annotations

import sys
import uuid
from dataclasses import dataclass
from typing import Final

import numpy as np
import tensorflow as tf

__all__ = ["PRECISIONS", "Matrix", "PackedMatrix", "Precision", "Table", "keep", "keep_matrix"]

_TOP: Final = 127


@dataclass(frozen=True)
class Precision:
    """In what a graph computes and keeps its weights.

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
        """Returns whether it is that of the training."""
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


class Matrix(tf.Module):
    """A matrix float[I, O] as it is multiplied with."""

    def __init__(self, values: np.ndarray, dtype: tf.DType) -> None:
        super().__init__()
        self.values = keep(values, dtype)

    def read(self) -> tf.Tensor:
        """Returns [I, O]."""
        return tf.convert_to_tensor(self.values)


class PackedMatrix(tf.Module):
    """A matrix float[I, O] kept as 8-bit integers with a scale for each column, unpacked when the model is loaded."""

    def __init__(self, values: np.ndarray, dtype: tf.DType) -> None:
        super().__init__()
        packed, scales = _packed(values, axis=0)
        self.packed = tf.Variable(packed, trainable=False, name="packed")
        self.scales = tf.Variable(scales, trainable=False, name="scales")
        self._unpacked = _Unpacked(self.packed, self.scales, dtype)

    def read(self) -> tf.Tensor:
        """Returns [I, O]."""
        return self._unpacked.read()


class _Unpacked(tf.saved_model.experimental.TrackableResource):
    """A variable that is not saved, but made anew by what a SavedModel runs when it is loaded."""

    def __init__(self, packed: tf.Variable, scales: tf.Variable, dtype: tf.DType) -> None:
        super().__init__()
        self._packed = packed
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
            packed, scales = _packed(values, axis=1)
            self.rows = tf.Variable(packed, trainable=False, name="rows")
            self.scales = tf.Variable(scales, trainable=False, name="scales")
        else:
            self.rows = keep(values, precision.dtype)

    def look_up(self, numbers: tf.Tensor) -> tf.Tensor:
        """Returns float32[P, H] of int32[P]."""
        rows = tf.cast(tf.gather(self.rows, numbers), tf.float32)
        return rows if self.scales is None else rows * tf.gather(self.scales, numbers)


def keep_matrix(values: np.ndarray, precision: Precision) -> Matrix | PackedMatrix:
    """Returns a kernel, float[I, O], as the precision keeps it."""
    kind = PackedMatrix if precision.packed else Matrix
    return kind(values, precision.dtype)


def keep(values: np.ndarray, dtype: tf.DType) -> tf.Variable:
    """Returns a variable of what is never packed."""
    return tf.Variable(tf.cast(values, dtype), trainable=False, name="values")


def _packed(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns int8 of the same shape, and float32 scales whose product with it is nearest to the values."""
    scales = np.maximum(np.abs(values).max(axis=axis, keepdims=True), np.finfo(np.float32).tiny * _TOP) / _TOP
    return np.round(values / scales).astype(np.int8), scales.astype(np.float32)
