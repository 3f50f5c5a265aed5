"""Entities as spans of a text, start and end in code points, become tags of its words, and tags become spans again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfapp.tasks.tagging.pretokenizer import Words

__all__ = ["merge_words", "tag_words"]


def tag_words(
    starts: np.ndarray, ends: np.ndarray, spans: Sequence[Mapping[str, Any]], types: Mapping[str, int]
) -> np.ndarray:
    """Gives words the tags of the spans that they overlap; where two spans share a word it is the first one's.

    Args:
        starts: int[W], the words' positions in the text, in code points.
        ends: int[W].
        spans: With `start`, `end` and `label`, first to last.
        types: The types' numbers.

    Returns:
        int32[W].

    Raises:
        KeyError: A label is none of the types.
    """
    tags = np.zeros(len(starts), np.int32)
    for span in spans:
        first = int(np.searchsorted(ends, span["start"], side="right"))
        stop = int(np.searchsorted(starts, span["end"], side="left"))
        first += first < stop and bool(tags[first])
        tag = 1 + 2 * types[span["label"]]
        if first < stop:
            tags[first], tags[first + 1 : stop] = tag, tag + 1
    return tags


def merge_words(tags: tf.Tensor, probabilities: tf.Tensor, words: Words, types: Sequence[str]) -> dict[str, tf.Tensor]:
    """Merges words into entities.

    An I- that continues no entity of its type begins one.

    Args:
        tags: int32[N, W].
        probabilities: float32[N, W], the tags' probabilities.
        words: The words of the N texts.
        types: The types' names.

    Returns:
        The contract's outputs: `tag`, `start`, `end` and `score` [N, E]. The score is the probability of the entity's
        least certain tag, which that of the whole never exceeds.
    """
    lengths = words.start.row_lengths()
    is_token = tf.sequence_mask(lengths, tf.shape(tags)[1])
    rows = words.start.value_rowids()
    tag, probability = tf.boolean_mask(tags, is_token), tf.boolean_mask(probabilities, is_token)
    kind = (tag + 1) // 2
    # As neighbours in one row; the first word of a text has none.
    before = tf.concat([[0], kind[:-1]], axis=0)[: tf.size(kind)]
    same_text = tf.concat([[False], rows[1:] == rows[:-1]], axis=0)[: tf.size(kind)]
    is_entity = kind > 0
    is_start = is_entity & ((tag % 2 == 1) | (kind != before) | ~same_text)
    entity = tf.boolean_mask(tf.cumsum(tf.cast(is_start, tf.int32)) - 1, is_entity)
    count = tf.reduce_sum(tf.cast(is_start, tf.int32))
    names = tf.concat([[""], tf.constant(list(types), tf.string)], axis=0)
    flat = {
        "tag": tf.gather(names, tf.boolean_mask(kind, is_start)),
        "start": tf.boolean_mask(words.start.values, is_start),
        "end": tf.math.unsorted_segment_max(tf.boolean_mask(words.end.values, is_entity), entity, count),
        "score": tf.math.unsorted_segment_min(tf.boolean_mask(probability, is_entity), entity, count),
    }
    texts = words.start.nrows()
    owners = tf.boolean_mask(rows, is_start)
    fill = {"tag": "", "start": -1, "end": -1, "score": 0.0}
    return {
        name: tf.RaggedTensor.from_value_rowids(values, owners, texts, validate=False).to_tensor(fill[name])
        for name, values in flat.items()
    }
