"""Splits long texts into windows, which share no token, and takes the mean of what is said of them."""

from __future__ import annotations

from typing import Final

import tensorflow as tf

__all__ = ["mean_of_windows", "split_windows"]

# [CLS] and [SEP].
_MARKS: Final = 2


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
