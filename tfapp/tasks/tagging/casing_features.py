"""Casing features, for a BERT that reads words in lower case: a sign beside each word piece's id."""

from __future__ import annotations

from typing import Any, Final

import keras_hub
import numpy as np
import tensorflow as tf

__all__ = ["CASING_KINDS", "casing_features", "join_casing", "split_casing", "with_casing_segments"]

# Each a word as a whole, after the ones before it; what is none of these is plain. After Collobert et al. 2011,
# section 3.4.1 ("capitalization").
_PATTERNS: Final = (r"\p{Lu}\P{Lu}*", r"[^\p{Ll}]*\p{Lu}[^\p{Ll}]*", r"(?s).*\p{Lu}.*")
CASING_KINDS: Final = 1 + len(_PATTERNS)
"""The number of kinds of casing: plain, Capitalized, CAPITALS, miXed."""


def casing_features(words: tf.Tensor) -> tf.Tensor:
    """Returns the casing of each word as it stands in its text.

    Args:
        words: string[N], valid UTF-8.

    Returns:
        int32[N], 0 for plain.
    """
    casing = tf.zeros_like(tf.strings.length(words))
    for number, pattern in reversed(list(enumerate(_PATTERNS, start=1))):
        casing = tf.where(tf.strings.regex_full_match(words, pattern), number, casing)
    return casing


def join_casing(ids: tf.Tensor, casing: tf.Tensor, vocabulary_size: int) -> tf.Tensor:
    """Returns one number for id and casing, the id itself for plain words; int32, of the shape of `ids`."""
    return ids + casing * vocabulary_size


def split_casing(numbers: tf.Tensor, vocabulary_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns ids and casing from `join_casing`."""
    return numbers % vocabulary_size, numbers // vocabulary_size


def with_casing_segments(backbone: Any) -> Any:
    """Returns a `BertBackbone` with a segment for each kind of casing, all alike until a training parts them."""
    wider = keras_hub.models.BertBackbone.from_config(backbone.get_config() | {"num_segments": CASING_KINDS})
    for layer in backbone.layers:
        values = layer.get_weights()
        if layer.name == "segment_embedding":
            values = [np.repeat(values[0][:1], CASING_KINDS, axis=0)]
        wider.get_layer(layer.name).set_weights(values)
    return wider
