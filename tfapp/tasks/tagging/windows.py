"""Splits long texts into windows that overlap, and joins what is said of their tokens."""

from __future__ import annotations

from typing import Final, NamedTuple

import tensorflow as tf

__all__ = ["OverlappingWindows", "join_windows", "overlap_windows"]

# [CLS] and [SEP].
_MARKS: Final = 2
# Neighbours share this part of a window, so that each token has an eighth of one on both sides of it.
_SHARED: Final = 4


class OverlappingWindows(NamedTuple):
    """The windows of N texts, each text's one after another.

    Attributes:
        ids: Ragged int32[M, (W)], each with the marks of its text; M >= N.
        begin: int32[M], the first position in the window whose token is nearest to this window's middle.
        sizes: int32[M], how many such tokens follow; together each text's, but for its marks.
        lengths: int32[N], the texts' tokens without marks.
    """

    ids: tf.RaggedTensor
    begin: tf.Tensor
    sizes: tf.Tensor
    lengths: tf.Tensor


def overlap_windows(ids: tf.RaggedTensor, window: int) -> OverlappingWindows:
    """Splits each text into windows that overlap, for networks that say something of each token.

    Args:
        ids: Ragged int32[N, (T)], each row [CLS] ... [SEP].
        window: Longest window in tokens, [CLS] and [SEP] included.
    """
    room = window - _MARKS
    overlap = room // _SHARED
    lengths = ids.row_lengths() - _MARKS
    counts = tf.maximum(-(-(lengths - overlap) // (room - overlap)), 1)
    owners = tf.repeat(tf.range(tf.size(counts)), counts)
    position = tf.range(tf.size(owners), dtype=tf.int64) - tf.gather(tf.cumsum(counts, exclusive=True), owners)
    length, count = tf.gather(lengths, owners), tf.gather(counts, owners)

    def start_of(number: tf.Tensor) -> tf.Tensor:
        return number * tf.maximum(length - room, 0) // tf.maximum(count - 1, 1)

    def border_before(number: tf.Tensor) -> tf.Tensor:
        middle = (start_of(number - 1) + start_of(number) + room) // 2
        return tf.where(number == 0, tf.zeros_like(middle), tf.where(number == count, length, middle))

    start = start_of(position)
    inner = ids[:, 1:-1]
    begins = tf.gather(inner.row_starts(), owners) + start
    positions = tf.ragged.range(begins, begins + tf.minimum(length, room))
    first, last = (tf.gather(marks.to_tensor(), owners) for marks in (ids[:, :1], ids[:, -1:]))
    inner_values = positions.with_values(tf.gather(inner.values, positions.values))
    begin = border_before(position)
    sizes = (1 + begin - start, border_before(position + 1) - begin, lengths)
    return OverlappingWindows(
        tf.concat([first, inner_values, last], axis=1), *(tf.cast(size, tf.int32) for size in sizes)
    )


def join_windows(values: tf.Tensor, windows: OverlappingWindows) -> tf.Tensor:
    """Returns one row a text, each token's values from the window that has it nearest to its middle.

    Args:
        values: float32[M, W, K], of each token of each window.
        windows: From `overlap_windows`.

    Returns:
        float32[N, T, K], T the longest text's tokens with its marks, whose values are 0.
    """
    width = tf.shape(values)[1]
    begins = tf.range(tf.size(windows.begin)) * width + windows.begin
    positions = tf.ragged.range(begins, begins + windows.sizes).values
    tokens = tf.gather(tf.reshape(values, [-1, values.shape[-1]]), positions)
    rows = tf.RaggedTensor.from_row_lengths(tokens, windows.lengths, validate=False)
    return tf.pad(rows.to_tensor(), [[0, 0], [1, 1], [0, 0]])
