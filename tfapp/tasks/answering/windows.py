"""Splits contexts into windows beside their questions, reads them few at a time, and finds the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfapp.models.preprocessor import Preprocessor
from tfapp.tasks.answering.pieces_with_offsets import tokenize_with_offsets

__all__ = [
    "AnswerWindows",
    "SlidingWindows",
    "SplitContexts",
    "join_windows",
    "logits_in_chunks",
    "slide_windows",
    "split_contexts",
]


class AnswerWindows(NamedTuple):
    """A map from M windows back to positions in the contexts of N questions.

    Attributes:
        owners: int32[M], the question of each window, in rising order.
        offsets: int32[M], the position in the row at which the window begins.
        firsts: int32[M], the number of the window's first token in the context.
        sizes: int32[M], the window's tokens.
        starts: Ragged int32[N, (C)], where each token of the context starts, in code points.
        ends: Ragged int32[N, (C)], where it ends.
    """

    owners: tf.Tensor
    offsets: tf.Tensor
    firsts: tf.Tensor
    sizes: tf.Tensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor

    def legal(self, width: tf.Tensor) -> tf.Tensor:
        """Returns which of `width` tokens are in the window; bool[M, width]."""
        position = tf.range(width)[None, :] - self.offsets[:, None]
        return (position >= 0) & (position < self.sizes[:, None])


class SplitContexts(NamedTuple):
    """Questions with their contexts, split into windows.

    Attributes:
        ids: Ragged int32[M, (T)], each row [CLS] question [SEP] window [SEP].
        windows: The way back.
        contexts: string[N], what was read of the contexts; positions are positions in these.
    """

    ids: tf.RaggedTensor
    windows: AnswerWindows
    contexts: tf.Tensor


def split_contexts(
    preprocessor: Preprocessor, questions: tf.Tensor, contexts: tf.Tensor, *, stride: int | None, max_windows: int
) -> SplitContexts:
    """Splits contexts into windows that overlap, each with its question before it.

    Args:
        preprocessor: Its limit is that of a row: question, window and marks.
        questions: string[N]. Of a row at most a half is the question's; what is longer is cut.
        contexts: string[N].
        stride: Tokens from one window's first to the next one's, at most; None: half a window.
        max_windows: Windows a context, at most; what follows is not read.
    """
    room = preprocessor.max_length - 3
    question = preprocessor.pieces(preprocessor.readable(questions, room // 2))[:, : room // 2]
    context = tokenize_with_offsets(preprocessor, contexts, room * max_windows)
    widths = room - tf.cast(question.row_lengths(), tf.int32)
    strides = tf.maximum(widths // 2, 1) if stride is None else tf.minimum(widths, stride)
    owners, firsts, sizes = slide_windows(tf.cast(context.ids.row_lengths(), tf.int32), widths, strides, max_windows)
    starts = tf.cast(tf.gather(context.ids.row_starts(), owners), tf.int32) + firsts
    indices = tf.ragged.range(starts, starts + sizes)
    pieces = indices.with_flat_values(tf.gather(context.ids.flat_values, indices.flat_values))
    question_tokens = tf.gather(question, owners)
    offsets = tf.cast(question_tokens.row_lengths(), tf.int32) + 2
    windows = AnswerWindows(owners, offsets, firsts, sizes, context.starts, context.ends)
    return SplitContexts(preprocessor.frame(question_tokens, pieces), windows, context.texts)


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


def slide_windows(lengths: tf.Tensor, window_sizes: tf.Tensor, strides: tf.Tensor, max_windows: int) -> SlidingWindows:
    """Lays windows over texts of which each holds as much as it can, the last of a text too.

    Args:
        lengths: int32[N], the texts' tokens.
        window_sizes: int32[N], what a window of the text holds, 1 or more.
        strides: int32[N], tokens from one window's first to the next one's, 1 or more and at most the room.
        max_windows: Windows a text, at most; what follows is left out.
    """
    tokens_left = tf.maximum(lengths - window_sizes, 0)
    counts = tf.minimum(1 + -(-tokens_left // strides), max_windows)
    owners = tf.repeat(tf.range(tf.size(counts)), counts)
    number = tf.range(tf.size(owners)) - tf.gather(tf.cumsum(counts, exclusive=True), owners)
    firsts = tf.minimum(number * tf.gather(strides, owners), tf.gather(tokens_left, owners))
    sizes = tf.minimum(tf.gather(window_sizes, owners), tf.gather(lengths, owners))
    return SlidingWindows(owners, firsts, sizes)


def join_windows(parts: Sequence[AnswerWindows]) -> AnswerWindows:
    """Joins the windows of some questions after another to those of all of them."""
    shift, owners = 0, []
    for part in parts:
        owners.append(part.owners + shift)
        shift += int(part.starts.nrows())
    windows = AnswerWindows(*(tf.concat(values, axis=0) for values in zip(*parts, strict=True)))
    return windows._replace(owners=tf.concat(owners, axis=0))


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
