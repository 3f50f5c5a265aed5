"""Splits texts into words with their positions in the text itself, inside a graph."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from tfapp.models.preprocessor import Preprocessor
from tfapp.tasks.tagging.casing_features import casing_features, join_casing

__all__ = ["FORMAT", "IDEOGRAPH", "SIGN", "SPACE", "Words", "split_words"]

# BERT's basic tokenizer (google-research/bert, tokenization.py) sets these apart: punctuation, ASCII signs, ideographs.
IDEOGRAPH: Final = (
    r"[\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}"
    r"\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}]"
)
SIGN: Final = r"[!-/:-@\[-`{-~\p{P}]"
SPACE: Final = r"[\s\p{Z}\p{Cc}]"
# Characters without a form, such as a zero-width space: inside a word they are passed over, at its ends none of it.
FORMAT: Final = r"\p{Cf}"
_SPACES: Final = f"{SPACE}+"
_DELIMITER: Final = f"{_SPACES}|{SIGN}|{IDEOGRAPH}"
_HEAD: Final = f"^{FORMAT}+"
_TAIL: Final = f"{FORMAT}+$"


class Words(NamedTuple):
    """The words of N texts.

    Attributes:
        ids: Ragged int32[N, (T)], the word pieces between [CLS] and [SEP], of any length.
        first: Ragged int32[N, (W)], the position of each word's first piece in its row of `ids`.
        start: Ragged int32[N, (W)], the word's position in the text, in Unicode code points.
        end: Ragged int32[N, (W)], the position behind it.
    """

    ids: tf.RaggedTensor
    first: tf.RaggedTensor
    start: tf.RaggedTensor
    end: tf.RaggedTensor

    def rows(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields `first`, `start` and `end` of each text, int32[W], outside of a graph."""
        first, start, end = (values.values.numpy() for values in (self.first, self.start, self.end))
        for begin, stop in pairwise(self.first.row_splits.numpy().tolist()):
            yield first[begin:stop], start[begin:stop], end[begin:stop]


def split_words(
    texts: tf.Tensor, preprocessor: Preprocessor, *, casing: bool = False, by_spaces: bool = False
) -> Words:
    """Splits texts as BERT's basic tokenizer does, and each word into pieces.

    The text itself is split, not its normal form, and each part is tokenized by itself. So a position needs no way back
    through the normal form, and a part that leaves no piece (white space, a lone accent) is no word.

    Args:
        texts: string[N], UTF-8; invalid bytes become U+FFFD, a code point each.
        preprocessor: Its limit does not count.
        casing: The ids of pieces also say how their word is written, as `join_casing` puts it.
        by_spaces: What stands between two spaces is one word, signs included; the pieces are the same.

    Returns:
        The words.
    """
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    # The op that splits ends a text at a NUL.
    texts = tf.strings.regex_replace(texts, r"\x00", " ")
    parts, _, _ = tf_text.regex_split_with_offsets(texts, _DELIMITER, _DELIMITER)
    pieces = preprocessor.pieces(parts.values)
    if casing:
        kinds = tf.gather(casing_features(parts.values), pieces.value_rowids())
        pieces = pieces.with_values(join_casing(pieces.values, kinds, len(preprocessor.vocabulary)))
    counts = tf.cast(pieces.row_lengths(), tf.int32)
    # The parts cover the text, so their lengths add up to their positions.
    lengths = tf.strings.length(parts.values, unit="UTF8_CHAR")
    headless = tf.strings.regex_replace(parts.values, _HEAD, "")
    inner = tf.strings.length(tf.strings.regex_replace(headless, _TAIL, ""), unit="UTF8_CHAR")
    starts = _sums_by_row(parts.with_values(lengths)) - tf.strings.length(headless, unit="UTF8_CHAR")
    ends = starts + inner
    first = 1 + _sums_by_row(parts.with_values(counts)) - counts
    are_words = parts.with_values(counts > 0)
    start, end, first_piece = (
        tf.ragged.boolean_mask(parts.with_values(values), are_words) for values in (starts, ends, first)
    )
    if by_spaces:
        spaces = tf.cast(tf.strings.regex_full_match(parts.values, _SPACES), tf.int32)
        before = _sums_by_row(parts.with_values(spaces))
        begins, finishes = _run_borders(tf.ragged.boolean_mask(parts.with_values(before), are_words))
        start, first_piece = (tf.ragged.boolean_mask(values, begins) for values in (start, first_piece))
        end = tf.ragged.boolean_mask(end, finishes)
    ids = preprocessor.frame(parts.with_values(pieces).merge_dims(1, 2))
    return Words(ids, first_piece, start, end)


def _run_borders(values: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Returns where a run of equal numbers begins in its row, and where it ends; ragged bool[N, (W)] each."""
    rows, flat = values.value_rowids(), values.values
    borders = (rows[1:] != rows[:-1]) | (flat[1:] != flat[:-1])
    count = tf.size(flat)
    return values.with_values(tf.concat([[True], borders], axis=0)[:count]), values.with_values(
        tf.concat([borders, [True]], axis=0)[:count]
    )


def _sums_by_row(values: tf.RaggedTensor) -> tf.Tensor:
    """Returns cumulative sums within each row of ragged int32[N, (S)], as one tensor."""
    totals = tf.cumsum(values.values)
    before = tf.gather(tf.concat([[0], totals], axis=0), values.row_starts())
    return totals - tf.repeat(before, values.row_lengths())
