"""Casing features, for a BERT that reads words in lower case: a sign beside each word piece's id."""

from __future__ import annotations

from typing import Final

import tensorflow as tf

__all__ = ["SHAPES", "join_shapes", "split_shapes", "word_shapes"]

# Each a word as a whole, after the ones before it; what is none of these is plain. After Collobert et al. 2011,
# section 3.4.1 ("capitalization").
_PATTERNS: Final = (r"\p{Lu}\P{Lu}*", r"[^\p{Ll}]*\p{Lu}[^\p{Ll}]*", r"(?s).*\p{Lu}.*")
SHAPES: Final = 1 + len(_PATTERNS)
"""The number of shapes: plain, Capitalized, CAPITALS, miXed."""


def word_shapes(words: tf.Tensor) -> tf.Tensor:
    """Returns the shape of each word as it stands in its text.

    Args:
        words: string[N], valid UTF-8.

    Returns:
        int32[N], 0 for plain.
    """
    shapes = tf.zeros_like(tf.strings.length(words))
    for number, pattern in reversed(list(enumerate(_PATTERNS, start=1))):
        shapes = tf.where(tf.strings.regex_full_match(words, pattern), number, shapes)
    return shapes


def join_shapes(ids: tf.Tensor, shapes: tf.Tensor, vocabulary_size: int) -> tf.Tensor:
    """Returns one number for id and shape, the id itself for plain words; int32, of the shape of `ids`."""
    return ids + shapes * vocabulary_size


def split_shapes(numbers: tf.Tensor, vocabulary_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Ids and shapes from `join_shapes`."""
    return numbers % vocabulary_size, numbers // vocabulary_size
