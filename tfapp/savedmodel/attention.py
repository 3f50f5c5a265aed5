"""Attention over packed tokens: heads apart, each text for itself."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from tfapp.savedmodel.layers import Dense

__all__ = ["ManyTexts", "OneText", "View"]


class View(abc.ABC):
    """A view of packed tokens that splits them into the heads of attention and joins the heads again.

    Shapes: P tokens, N texts of at most T tokens, A heads of D numbers each.

    Attributes:
        few: Whether there are few tokens.
    """

    few: ClassVar[bool]

    def __init__(
        self,
        heads: int,
        tokens: tf.Tensor,
        is_token: tf.Tensor,
        *,
        rows: tf.Tensor | int,
        positions: tf.Tensor,
        dtype: tf.DType,
    ) -> None:
        """Makes the look-ups that split and join take: one each, padding, order of axes and all.

        Args:
            heads: A.
            tokens: int32[N, T], the number of each token; what stands for padding is no matter, as nobody looks at it.
            is_token: bool[N, T].
            rows: int32[P] or a number, that of each token's text.
            positions: int32[P], each token's position in its text.
            dtype: Of the scores.
        """
        self._heads = heads
        width = tf.shape(tokens)[1]
        # What is added to the scores of tokens, so that padding has no share, [N, 1, 1, T].
        self._mask = tf.where(is_token, tf.zeros([], dtype), tf.constant(-1e9, dtype))[:, tf.newaxis, tf.newaxis, :]
        parts = tf.reshape(tf.range(3 * heads), [3, 1, heads, 1])
        self._into = tokens[tf.newaxis, :, tf.newaxis, :] * (3 * heads) + parts
        self._back = (rows * heads * width + positions)[:, tf.newaxis] + tf.range(heads) * width

    def weigh(self, scores: tf.Tensor, scale: float) -> tf.Tensor:
        """Returns the share of each real token in each, [..., A, T, T], from scores of that shape, scaled first.

        Scale and mask become part of the product's own op.
        """
        return tf.nn.softmax(scores * tf.cast(scale, scores.dtype) + self._mask)

    @abc.abstractmethod
    def add(self, parts: Sequence[tuple[Dense, tf.Tensor]], residual: tf.Tensor) -> tf.Tensor:
        """Returns the sum of some products and `residual`."""

    def split(self, product: tf.Tensor) -> list[tf.Tensor]:
        """Returns queries, keys and values, [N, A, T, D] each, from [P, 3 x A x D]."""
        width = product.shape[-1] // (3 * self._heads)
        return tf.unstack(tf.gather(tf.reshape(product, [-1, width]), self._into), num=3)

    def join(self, heads: tf.Tensor) -> tf.Tensor:
        """Returns [P, A x D] from [N, A, T, D]."""
        width = heads.shape[-1]
        return tf.reshape(tf.gather(tf.reshape(heads, [-1, width]), self._back), [-1, self._heads * width])

    def join_firsts(self, heads: tf.Tensor) -> tf.Tensor:
        """Returns [N, A x D] from [N, A, 1, D]."""
        return tf.reshape(heads, [-1, self._heads * heads.shape[-1]])

    @abc.abstractmethod
    def firsts(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the first token of each text, [N, H] from [P, H]."""


class OneText(View):
    """A view of one text: its tokens are all there are but for some padding at the end.

    Args:
        heads: A.
        count: int32[], the real tokens, at least one.
        positions: int32[P], each token's position.
        dtype: Of the scores.
    """

    few = True

    def __init__(self, heads: int, count: tf.Tensor, positions: tf.Tensor, dtype: tf.DType) -> None:
        is_token = (positions < count)[tf.newaxis]
        super().__init__(heads, positions[tf.newaxis], is_token, rows=0, positions=positions, dtype=dtype)

    def add(self, parts: Sequence[tuple[Dense, tf.Tensor]], residual: tf.Tensor) -> tf.Tensor:
        """Adds up the products, none of which waits for another."""
        (dense, x), *others = parts
        return tf.add_n([dense(x) + residual, *(dense(x) for dense, x in others)])

    def firsts(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the first token, [1, H]."""
        return x[:1]


class ManyTexts(View):
    """Several texts, padded to the longest; only attention sees the padding.

    Args:
        heads: A.
        lengths: int32[N]; N at least 1. The last ones may be 0, but not all.
        rows: int32[P], the number of each token's text; negative where it belongs to none.
        positions: int32[P], each token's position in its text.
        longest: int32[], T, at least the greatest length.
        dtype: Of the scores.
    """

    few = False

    def __init__(
        self,
        heads: int,
        lengths: tf.Tensor,
        rows: tf.Tensor,
        positions: tf.Tensor,
        *,
        longest: tf.Tensor,
        dtype: tf.DType,
    ) -> None:
        # A row without tokens at the end starts nowhere.
        self._starts = tf.minimum(tf.cumsum(lengths, exclusive=True), tf.size(positions) - 1)
        inside = tf.range(longest)[tf.newaxis, :]
        is_token = inside < lengths[:, tf.newaxis]
        tokens = tf.where(is_token, inside + self._starts[:, tf.newaxis], 0)
        super().__init__(heads, tokens, is_token, rows=tf.maximum(rows, 0), positions=positions, dtype=dtype)

    def add(self, parts: Sequence[tuple[Dense, tf.Tensor]], residual: tf.Tensor) -> tf.Tensor:
        """Adds one product upon the other: each sum is part of a product's own op."""
        for dense, x in parts:
            # Without the op between them TensorFlow's optimizer would make one sum of all.
            residual = tf.ensure_shape(dense(x) + residual, [None, residual.shape[-1]])
        return residual

    def firsts(self, x: tf.Tensor) -> tf.Tensor:
        """Looks up the tokens by where each text starts."""
        return tf.gather(x, self._starts)
