"""Rows of token ids: marks around their texts, segments, and the dense form that a Keras BERT reads."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["frame_rows", "pad_rows", "pair_segments"]


def frame_rows(pieces: Sequence[tf.RaggedTensor], cls_id: int, sep_id: int) -> tf.RaggedTensor:
    """Puts [CLS] before the first and [SEP] behind each of the texts of a row, each ragged int32[N, (P)].

    In one op that writes by position: joining ragged tensors takes dozens of ops, which a single short text waits for.
    """
    lengths = [tf.cast(text.row_lengths(), tf.int32) for text in pieces]
    splits = tf.concat([[0], tf.cumsum(tf.add_n(lengths) + (1 + len(pieces)))], axis=0)
    begin = splits[:-1]
    places, values = [begin], [tf.fill(tf.shape(begin), cls_id)]
    for text, length in zip(pieces, lengths, strict=True):
        begin = begin + 1
        # From a piece's place among all pieces to that in the rows.
        shift = begin - tf.cast(text.row_starts(), tf.int32)
        places.append(tf.range(tf.size(text.values)) + tf.repeat(shift, length))
        begin = begin + length
        places.append(begin)
        values += [text.values, tf.fill(tf.shape(begin), sep_id)]
    framed = tf.dynamic_stitch(places, values)
    return tf.RaggedTensor.from_row_splits(framed, tf.cast(splits, tf.int64), validate=False)


def pair_segments(ids: tf.RaggedTensor, sep_id: int) -> tf.RaggedTensor:
    """Returns 1 behind the first [SEP] of a row, else 0; of ragged int32[N, (T)]."""
    ends = tf.cast(ids.values == sep_id, tf.int32)
    before = tf.cumsum(ends, exclusive=True)
    of_row = tf.repeat(tf.gather(tf.concat([before, [0]], axis=0), ids.row_starts()), ids.row_lengths())
    return ids.with_values(tf.minimum(before - of_row, 1))


def pad_rows(ids: tf.RaggedTensor, padding_id: int, segments: tf.RaggedTensor | None = None) -> dict[str, tf.Tensor]:
    """Makes the dense inputs of a BERT backbone.

    Args:
        ids: Ragged int32[N, (T)].
        padding_id: The id of [PAD].
        segments: Of the same shape; None: all 0.

    Returns:
        `token_ids`, `segment_ids` and `padding_mask`, each int32[N, T], T the longest row. Without texts there
        is one row of padding, since some layers cannot compute on none.
    """
    lengths = tf.cast(ids.row_lengths(), tf.int32)
    lengths = tf.pad(lengths, [[0, tf.maximum(1 - tf.size(lengths), 0)]])
    width = tf.maximum(tf.reduce_max(lengths), 2)

    def dense(rows: tf.RaggedTensor, fill: int) -> tf.Tensor:
        values = rows.to_tensor(default_value=fill)
        missing = tf.stack([tf.size(lengths), width]) - tf.shape(values)
        return tf.pad(values, tf.stack([tf.zeros_like(missing), missing], axis=1), constant_values=fill)

    tokens = dense(ids, padding_id)
    parts = tf.zeros_like(tokens) if segments is None else dense(segments, 0)
    return {
        "token_ids": tokens,
        "segment_ids": parts,
        "padding_mask": tf.sequence_mask(lengths, width, dtype=tf.int32),
    }
