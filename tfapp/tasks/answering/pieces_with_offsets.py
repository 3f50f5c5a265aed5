"""Tokenizes contexts and says where each word piece stands in its text, so that an answer is a part of it."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfapp.models.preprocessor import Preprocessor

__all__ = ["PiecesWithOffsets", "tokenize_with_offsets"]


class PiecesWithOffsets(NamedTuple):
    """Word pieces and their offsets in their texts.

    Attributes:
        ids: Ragged int32[N, (T)], without [CLS] and [SEP].
        starts: Ragged int32[N, (T)], the position of each piece's first character in its text, in code points.
        ends: Ragged int32[N, (T)], the position behind its last; combining marks that the vocabulary lacks count.
        texts: string[N], what was read of the texts, valid UTF-8; the positions are positions in these.
    """

    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    texts: tf.Tensor


def tokenize_with_offsets(preprocessor: Preprocessor, texts: tf.Tensor, max_pieces: int) -> PiecesWithOffsets:
    """Tokenizes at most `max_pieces` tokens of each text, as anywhere else, and says where each piece stands.

    The texts are string[N], UTF-8; invalid bytes become U+FFFD.
    """
    texts = preprocessor.readable(texts, max_pieces)
    ids, starts, ends = preprocessor.tokenizer.tokenize_with_offsets(texts)
    ids, starts, ends = ids[:, :max_pieces], starts[:, :max_pieces], ends[:, :max_pieces]
    return PiecesWithOffsets(ids, *_count_characters(texts, starts, ends), texts)


def _count_characters(
    texts: tf.Tensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Turns offsets in bytes, ragged int64[N, (T)], into offsets in code points, ragged int32[N, (T)].

    A character that the tokenizer writes as several (a ligature) is the position of all pieces that hold a part of it.
    """
    _, bounds = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
    shifts = tf.cumsum(tf.cast(tf.strings.length(texts), tf.int64), exclusive=True)
    bounds = bounds.with_flat_values(bounds.flat_values + tf.gather(shifts, bounds.value_rowids()))
    rows = starts.value_rowids()
    first, last = (offsets.flat_values + tf.gather(shifts, rows) for offsets in (starts, ends))
    begin = tf.searchsorted(bounds.flat_values, first, side="right") - 1
    end = tf.maximum(tf.searchsorted(bounds.flat_values, last, side="left"), begin + 1)
    before = tf.cast(tf.gather(bounds.row_starts(), rows), tf.int32)
    return starts.with_flat_values(begin - before), ends.with_flat_values(end - before)
