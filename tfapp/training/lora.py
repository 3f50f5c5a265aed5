"""Low-rank adaptation of a kernel (Hu et al. 2021, "LoRA"), kept merged at every moment."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

__all__ = ["LowRankUpdate"]


class LowRankUpdate:
    """A kernel that learns by the product of two thin matrices: kernel = initial + alpha / rank * a @ b.

    The network's own kernel holds the sum, brought up to date by `merge` after each step. So whatever reads the network
    (evaluation, saving, export) sees a plain kernel, and the step computes what it would with the two matrices inside.
    Keras's `enable_lora` is not used: it factorizes a kernel along its last axis, which for attention's kernels
    [hidden, heads, width] makes a matrix `a` that is larger by the number of heads.

    Args:
        kernel: The Keras variable, of any shape; read now as the initial value.
        rows: Its rows as a matrix, input to output.
        rank: Columns of `a` and rows of `b`.
        alpha: As above.
        seed: Of `a`'s first values; `b` starts at 0.

    Attributes:
        kernel: The variable.
        a: float32[rows, rank].
        b: float32[rank, columns].
    """

    def __init__(self, kernel: Any, *, rows: int, rank: int, alpha: float, seed: int) -> None:
        self.kernel = kernel
        self._matrix = (rows, math.prod(kernel.shape) // rows)
        self._scale = alpha / rank
        self._initial = tf.constant(kernel.numpy())
        # As in the authors' code (microsoft/LoRA, loralib/layers.py): uniform within 1 / sqrt(rows).
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)
        self.a = keras.Variable(uniform((rows, rank)), name="lora_a")
        self.b = keras.Variable(tf.zeros((rank, self._matrix[1])), name="lora_b")

    def gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the gradients of `a` and `b`, from that of the kernel."""
        flat = self._scale * tf.reshape(gradient, self._matrix)
        return tf.matmul(flat, self.b.value, transpose_b=True), tf.matmul(self.a.value, flat, transpose_a=True)

    def merge(self) -> None:
        """Brings the kernel up to date."""
        update = self._scale * tf.matmul(self.a.value, self.b.value)
        self.kernel.assign(self._initial + tf.reshape(update, self._initial.shape))
