"""DoRA (Liu et al. 2024): magnitude and direction of a kernel's columns learn apart."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfapp.models.adapters.lora import LowRankUpdate

__all__ = ["DirectionUpdate"]


class DirectionUpdate(LowRankUpdate):
    """A kernel that is divided into magnitude and direction (Liu et al. 2024, "DoRA"); LoRA moves the direction.

    With ||V||_c the Euclidean length of each column of V, that is of what leads to one output:

        W = m V / ||V||_c,    V = W0 + s A B,    m = ||W0||_c at first

    The length in the denominator is treated as a constant C when gradients are taken (section 4.3, equation 11), which
    saves memory and changes the results little:

        dm = sum over the rows of dW V / C,    dV = m / C dW,    dA = s dV B^T,    dB = s A^T dV
    """

    method: ClassVar[str] = "dora"

    def make_weights(self, seed: int) -> dict[str, Any]:
        """Returns A, B and m, float32[columns]."""
        magnitude = keras.Variable(tf.norm(self.initial, axis=0), name="dora_magnitude")
        return {**super().make_weights(seed), "magnitude": magnitude}

    def matrix(self) -> tf.Tensor:
        """Returns the kernel W; a column of V that is 0 stays 0."""
        direction = super().matrix()
        lengths = tf.norm(direction, axis=0)
        return direction * tf.math.divide_no_nan(self.weights["magnitude"].value, lengths)

    def matrix_gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the gradients dA, dB and dm."""
        direction = super().matrix()
        lengths = tf.norm(direction, axis=0)
        share = tf.math.divide_no_nan(self.weights["magnitude"].value, lengths)
        along = tf.math.divide_no_nan(tf.reduce_sum(gradient * direction, axis=0), lengths)
        return (*super().matrix_gradients(share * gradient), along)

    @staticmethod
    def count(rows: int, columns: int, rank: int) -> int:
        """Returns how many numbers A, B and m are."""
        return rank * (rows + columns) + columns
