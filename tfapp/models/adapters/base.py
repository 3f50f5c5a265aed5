"""The base class of adapters: a kernel, and a few weights that learn in its place and are merged into it."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import tensorflow as tf

__all__ = ["KernelAdapter"]


class KernelAdapter(abc.ABC):
    """A kernel that learns by a few weights of its own.

    The network's own kernel holds what they make of it, brought up to date by `merge` after each step. So whatever
    reads the network (evaluation, saving, export) sees a plain kernel, and a step computes what it would with the
    adapter's weights inside: their gradients follow from the kernel's by the chain rule.

    Args:
        kernel: The Keras variable, of any shape; read now as the initial value W0.
        rows: Its rows as a matrix, input to output.
        rank: That of the matrix that is added.
        scale: What this matrix is multiplied by, "s" in the formulas.
        seed: Of the weights that start at random.

    Attributes:
        kernel: The variable.
        shape: Rows and columns of the kernel as a matrix.
        rank: As above.
        scale: As above.
        initial: W0, float32[rows, columns].
        weights: The variables that learn, by name; they begin where the kernel is W0.
    """

    method: ClassVar[str]

    def __init__(self, kernel: Any, *, rows: int, rank: int, scale: float, seed: int) -> None:
        self.kernel = kernel
        self.shape = (rows, math.prod(kernel.shape) // rows)
        self.rank = rank
        self.scale = scale
        self.initial = tf.reshape(tf.constant(kernel.numpy()), self.shape)
        self.weights: dict[str, Any] = self.make_weights(seed)

    @abc.abstractmethod
    def make_weights(self, seed: int) -> dict[str, Any]:
        """Returns new variables by name, in the order of `gradients`."""

    @abc.abstractmethod
    def matrix(self) -> tf.Tensor:
        """Returns the kernel that the weights make, float32[rows, columns]."""

    @abc.abstractmethod
    def matrix_gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the gradients of the weights from that of `matrix`, float32[rows, columns]."""

    @staticmethod
    @abc.abstractmethod
    def count(rows: int, columns: int, rank: int) -> int:
        """Returns how many numbers the weights of a kernel of this shape are."""

    @staticmethod
    def first_rank(rank: int) -> int:
        """Returns the rank that a training which is to end with `rank` begins with."""
        return rank

    @classmethod
    def from_arrays(cls, kernel: Any, *, rows: int, scale: float, arrays: Mapping[str, np.ndarray]) -> Self:
        """Returns an adapter of the kernel W0 with the weights that `arrays` gave.

        Raises:
            ValueError: Their shapes are not those of the kernel's adapter.
        """
        rank = next(iter(arrays.values())).shape[1]
        adapter = cls(kernel, rows=rows, rank=rank, scale=scale, seed=0)
        for name, weight in adapter.weights.items():
            weight.assign(arrays[name])
        return adapter

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the weights by name, the first of them float32[rows, rank]."""
        return {name: weight.numpy() for name, weight in self.weights.items()}

    def gradients(self, gradient: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the gradients of the weights, from that of the kernel."""
        return self.matrix_gradients(tf.reshape(gradient, self.shape))

    def merge(self) -> None:
        """Assigns the kernel that the weights make to the network's variable."""
        self.kernel.assign(tf.reshape(self.matrix(), self.kernel.shape))
