"""Splits long texts into windows, for networks that read fewer tokens at once, and joins them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import tensorflow as tf

__all__ = [
    "OverlappingWindows",
    "SlidingWindows",
    "join_windows",
    "logits_in_chunks",
    "mean_of_windows",
    "overlap_windows",
    "slide_windows",
    "split_windows",
]

# [CLS] and [SEP].
_MARKS: Final = 2
# Neighbours share this part of a window, so that each token has an eighth of one on both sides of it.
_SHARED: Final = 4


def split_windows(ids: tf.RaggedTensor, window: int) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Splits each text into as few windows as hold it, all about equally long, so that little of a batch is padding.

    Args:
        ids: Ragged int32[N, (T)], each row [CLS] ... [SEP].
        window: Longest window in tokens, [CLS] and [SEP] included.

    Returns:
        The windows, ragged int32[M, (W)], W <= window, each with the marks of its text, M >= N; and int32[M], the
        text that each belongs to, in rising order.
    """
    lengths = tf.cast(ids.row_lengths(), tf.int32) - _MARKS
    counts = tf.maximum(-(-lengths // (window - _MARKS)), 1)
    owners = tf.repeat(tf.range(tf.size(counts)), counts)
    part = tf.range(tf.size(owners)) - tf.gather(tf.cumsum(counts, exclusive=True), owners)
    # The first `length % count` windows of a text have one token more than the rest.
    lengths, counts = tf.gather(lengths, owners), tf.gather(counts, owners)
    sizes = lengths // counts + tf.cast(part < lengths % counts, tf.int32)
    inner = tf.RaggedTensor.from_row_lengths(ids[:, 1:-1].values, sizes, validate=False)
    first, last = (tf.gather(marks.to_tensor(), owners) for marks in (ids[:, :1], ids[:, -1:]))
    return tf.concat([first, inner, last], axis=1), owners


def mean_of_windows(values: tf.Tensor, windows: tf.RaggedTensor, owners: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
    """Returns one row a text: the mean over its windows, each weighted by its tokens.

    Args:
        values: float32[M, K], a row a window.
        windows: From `split_windows`.
        owners: Likewise.
        texts: int32, N.

    Returns:
        float32[N, K].
    """
    weights = tf.cast(windows.row_lengths(), values.dtype)
    totals = tf.math.unsorted_segment_sum(weights, owners, texts)
    shares = weights / tf.gather(totals, owners)
    return tf.math.unsorted_segment_sum(values * shares[:, None], owners, texts)


class SlidingWindows(NamedTuple):
    """Windows over texts, which overlap.

    Attributes:
        owners: int32[M], the text that each window belongs to, in rising order; every text has one at least.
        firsts: int32[M], the position of the window's first token in its text.
        sizes: int32[M], its tokens.
    """

    owners: tf.Tensor
    firsts: tf.Tensor
    sizes: tf.Tensor


def slide_windows(lengths: tf.Tensor, rooms: tf.Tensor, strides: tf.Tensor, max_windows: int) -> SlidingWindows:
    """Lays windows over texts of which each holds as much as it can, the last of a text too.

    Args:
        lengths: int32[N], the texts' tokens.
        rooms: int32[N], what a window of the text holds, 1 or more.
        strides: int32[N], tokens from one window's first to the next one's, 1 or more and at most the room.
        max_windows: Windows a text, at most; what follows is left out.
    """
    tokens_left = tf.maximum(lengths - rooms, 0)
    counts = tf.minimum(1 + -(-tokens_left // strides), max_windows)
    owners = tf.repeat(tf.range(tf.size(counts)), counts)
    number = tf.range(tf.size(owners)) - tf.gather(tf.cumsum(counts, exclusive=True), owners)
    firsts = tf.minimum(number * tf.gather(strides, owners), tf.gather(tokens_left, owners))
    sizes = tf.minimum(tf.gather(rooms, owners), tf.gather(lengths, owners))
    return SlidingWindows(owners, firsts, sizes)


def logits_in_chunks(
    network: Callable[[tf.RaggedTensor], tf.Tensor], ids: tf.RaggedTensor, size: int = 32
) -> tf.Tensor:
    """Reads few windows at a time, so that the windows of long texts do not share the memory.

    Args:
        network: From ragged int32[W, (T)] to float32[W, T, K], T the longest row.
        ids: Ragged int32[M, (T)].
        size: The greatest W.

    Returns:
        float32[M, T, K], T at least 1, since some ops cannot compute on none; 0 behind a window's last token.
    """
    width = network(ids[:0]).shape[-1]
    chunks = tf.maximum(-(-ids.nrows(tf.int32) // size), 1)
    parts = tf.TensorArray(tf.float32, chunks, infer_shape=False, element_shape=[None, width])

    def read_some(number: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        some = ids[number * size : (number + 1) * size]
        logits = network(some)[:, : tf.cast(some.bounding_shape(axis=1), tf.int32)]
        tokens = tf.boolean_mask(logits, tf.sequence_mask(some.row_lengths(), tf.shape(logits)[1]))
        return number + 1, parts.write(number, tokens)

    loop = tf.while_loop(lambda number, _: number < chunks, read_some, (0, parts), parallel_iterations=1)
    logits = ids.with_values(loop[1].concat()).to_tensor()
    return tf.pad(logits, [[0, 0], [0, tf.maximum(1 - tf.shape(logits)[1], 0)], [0, 0]])


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
