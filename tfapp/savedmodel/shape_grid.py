"""The grid of shapes that rows of tokens are padded to, so that oneDNN compiles its code for few of them.

It compiles and keeps code for each shape that it meets: without a grid the first requests would be slow one after
another, and the code of thousands of shapes would take hundreds of megabytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import tensorflow as tf

__all__ = ["pad_to_grid", "padded_sizes"]

# Of rows that are computed together.
_TOKENS_ALIGNED: Final = 16
_ROWS_ALIGNED: Final = 4
# Of a row alone: it is padded to a multiple of the first, or of a power of two that is at most this share of it.
_ALONE_ALIGNED: Final = 4
_MOST_PADDING: Final = 1 / 8


def padded_sizes(longest: int) -> np.ndarray:
    """Returns int32[longest + 1]: to how many tokens a row is padded that is computed alone, by its own number.

    There are some 40 sizes up to 512, for each length for itself would take oneDNN's code for 512.
    """
    counts = np.arange(longest + 1)
    powers = 2 ** np.floor(np.log2(np.maximum(counts - 1, 1) * _MOST_PADDING))
    steps = np.maximum(powers, _ALONE_ALIGNED).astype(np.int32)
    return np.minimum(-(-counts // steps) * steps, longest).astype(np.int32)


def pad_to_grid(lengths: tf.Tensor, *columns: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Adds rows behind the real ones, so that their number and that of all tokens are multiples.

    Args:
        lengths: int32[M].
        columns: What the tokens are, int32[P] each.
    """
    count, total = tf.size(lengths), tf.size(columns[0])
    more_tokens = -total % _TOKENS_ALIGNED
    more_rows = 1 + -(count + 1) % _ROWS_ALIGNED
    filler = [more_tokens[tf.newaxis], tf.zeros([more_rows - 1], tf.int32)]
    return tf.concat([lengths, *filler], axis=0), *(tf.pad(column, [[0, more_tokens]]) for column in columns)
