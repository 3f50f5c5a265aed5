"""The grid of shapes that rows of tokens are padded to, so that oneDNN compiles its code for few of them.

It compiles and keeps code for each shape that it meets: without a grid the first requests would be slow one after
another, and the code of thousands of shapes would take hundreds of megabytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import tensorflow as tf

__all__ = ["pad_to_grid", "padded_sizes"]

# Of tokens that are computed together.
_TOKENS_ALIGNED: Final = 16
# Of rows that are computed together, where they are short; each that is added is as long as the longest in attention.
_ROWS_ALIGNED: Final = 4
_SHORT: Final = 96
# Of the tokens of a row: padded to a multiple of one of these, or of a power of two that is at most this share of them.
_ALONE_ALIGNED: Final = 4
_TOGETHER_ALIGNED: Final = 8
_MOST_PADDING: Final = 1 / 8


def padded_sizes(longest: int, *, together: bool = False) -> np.ndarray:
    """Returns int32[longest + 1]: to how many tokens rows are padded, by the number of tokens of the longest.

    There are some 40 sizes up to 512, for each length for itself would take oneDNN's code for 512.

    Args:
        longest: The most tokens.
        together: Whether the rows are several.
    """
    counts = np.arange(longest + 1)
    powers = 2 ** np.floor(np.log2(np.maximum(counts - 1, 1) * _MOST_PADDING))
    steps = np.maximum(powers, _TOGETHER_ALIGNED if together else _ALONE_ALIGNED).astype(np.int32)
    padded_counts = -(-counts // steps) * steps
    return (padded_counts if together else np.minimum(padded_counts, longest)).astype(np.int32)


def pad_to_grid(lengths: tf.Tensor, *columns: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Pads rows that are computed together: their number, if they are short, and that of all tokens become multiples.

    Args:
        lengths: int32[M].
        columns: What the tokens are, int32[P] each.

    Returns:
        The lengths, with zeros at their end; and the columns, with tokens at their end that belong to no row.
    """
    count, total = tf.size(lengths), tf.size(columns[0])
    more_rows = tf.where(tf.reduce_max(lengths) <= _SHORT, -count % _ROWS_ALIGNED, 0)
    more_tokens = -total % _TOKENS_ALIGNED
    return tf.pad(lengths, [[0, more_rows]]), *(tf.pad(column, [[0, more_tokens]]) for column in columns)
