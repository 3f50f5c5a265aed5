"""Splits contexts into windows beside their questions, as an answerer reads them, and finds the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfapp.models.preprocessor import Preprocessor
from tfapp.models.windows import slide_windows

__all__ = ["AnswerWindows", "SplitContexts", "join_windows", "split_contexts"]


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
    question = preprocessor.first_pieces(questions, room // 2)
    context = preprocessor.tokenize_with_offsets(contexts, room * max_windows)
    rooms = room - tf.cast(question.row_lengths(), tf.int32)
    strides = tf.maximum(rooms // 2, 1) if stride is None else tf.minimum(rooms, stride)
    owners, firsts, sizes = slide_windows(tf.cast(context.ids.row_lengths(), tf.int32), rooms, strides, max_windows)
    begins = tf.cast(tf.gather(context.ids.row_starts(), owners), tf.int32) + firsts
    inside = tf.ragged.range(begins, begins + sizes)
    pieces = inside.with_flat_values(tf.gather(context.ids.flat_values, inside.flat_values))
    question_tokens = tf.gather(question, owners)
    offsets = tf.cast(question_tokens.row_lengths(), tf.int32) + 2
    windows = AnswerWindows(owners, offsets, firsts, sizes, context.starts, context.ends)
    return SplitContexts(preprocessor.frame(question_tokens, pieces), windows, context.texts)


def join_windows(parts: Sequence[AnswerWindows]) -> AnswerWindows:
    """Joins the windows of some questions after another to those of all of them."""
    shift, owners = 0, []
    for part in parts:
        owners.append(part.owners + shift)
        shift += int(part.starts.nrows())
    windows = AnswerWindows(*(tf.concat(values, axis=0) for values in zip(*parts, strict=True)))
    return windows._replace(owners=tf.concat(owners, axis=0))
