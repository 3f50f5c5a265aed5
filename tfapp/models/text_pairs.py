"""Compares the vectors of two texts that are read apart, for the head to read."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import keras
from keras import ops

__all__ = ["ComparisonMethod", "PairComparison", "comparison_of"]

ComparisonMethod: TypeAlias = Literal["features", "cosine"]
"""How two vectors u and v are compared: `u, v, |u - v|, u * v` one after another (after Conneau et al. 2017 and Reimers
and Gurevych 2019), or their cosine alone."""

_SMALLEST: Final = 1e-12


class PairComparison(keras.layers.Layer):
    """Compares the vectors of two texts.

    Args:
        comparison: How the two vectors are compared.
    """

    def __init__(self, comparison: ComparisonMethod, **kwargs: Any) -> None:
        super().__init__(dtype="float32", **kwargs)
        self.comparison = comparison

    def call(self, vectors: Any) -> Any:
        """Makes [N, 4 H], or [N, 1], float32, of float[2 N, H]: the vectors of each pair, one after the other.

        Vectors are taken at the length of the square root of H, so that their values are about 1. A last vector without
        a second one is left out.
        """
        size = float(vectors.shape[-1])
        vectors = ops.cast(vectors, "float32")
        vectors = vectors * ops.rsqrt(ops.mean(ops.square(vectors), axis=-1, keepdims=True) + _SMALLEST)
        second = vectors[1::2]
        first = vectors[::2][: ops.shape(second)[0]]
        product = first * second
        if self.comparison == "cosine":
            return ops.sum(product, axis=-1, keepdims=True) / size
        return ops.concatenate([first, second, ops.abs(first - second), product], axis=-1)


def comparison_of(pair_encoder: str, comparison: ComparisonMethod = "features") -> ComparisonMethod | None:
    """Returns how a model with such a `model.pair_encoder` compares two texts' vectors; None: it reads both as one."""
    return comparison if pair_encoder == "bi" else None
