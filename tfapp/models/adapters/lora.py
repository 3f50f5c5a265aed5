"""LoRA (Hu et al. 2021): two thin matrices whose product is added to a kernel."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfapp.models.adapters.base import KernelAdapter

__all__ = ["LowRankUpdate"]


class LowRankUpdate(KernelAdapter):
    """A kernel that learns by two thin matrices (Hu et al. 2021, "LoRA"), whose product is 0 at first.

    With r the rank:

        W = W0 + s A B,    A: rows x r,    B: r x columns,    B = 0 at first
        dA = s dW B^T,    dB = s A^T dW

    The paper multiplies from the left (h = W x, W = W0 + B A); a Keras kernel is multiplied from the right.
    Keras's `enable_lora` is not used: it factorizes a kernel along its last axis, which for attention's kernels
    [hidden, heads, width] makes a matrix A that is larger by the number of heads.
    """

    method: ClassVar[str] = "lora"

    def make_weights(self, seed: int) -> dict[str, Any]:
        """Returns A, uniform within 1 / sqrt(rows) as in the authors' code (loralib/layers.py), and B, zeros."""
        rows, columns = self.shape
        uniform = keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)
        return {
            "a": keras.Variable(uniform((rows, self.rank)), name="lora_a"),
            "b": keras.Variable(tf.zeros((self.rank, columns)), name="lora_b"),
        }

    def matrix(self) -> tf.Tensor:
        """Returns W."""
        return self.initial + self.scale * tf.matmul(self.weights["a"].value, self.weights["b"].value)

    def matrix_gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the gradients dA and dB."""
        scaled_gradient = self.scale * gradient
        a, b = self.weights["a"].value, self.weights["b"].value
        return tf.matmul(scaled_gradient, b, transpose_b=True), tf.matmul(a, scaled_gradient, transpose_a=True)

    @staticmethod
    def count(rows: int, columns: int, rank: int) -> int:
        """Returns how many numbers A and B are."""
        return rank * (rows + columns)
