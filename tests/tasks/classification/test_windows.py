"""Windows: they hold every token once, in order, and their mean is the text's."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.tasks.classification.windows import mean_of_windows, split_windows

CLS, SEP = 101, 102


def rows_of(ids: tf.RaggedTensor) -> list[list[int]]:
    return [row.tolist() for row in ids.numpy()] if ids.nrows() else []


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(4, 20))
def test_every_token_is_in_one_window(lengths: list[int], window: int) -> None:
    texts = [[CLS, *range(1000 * text, 1000 * text + length), SEP] for text, length in enumerate(lengths)]
    windows, owners = split_windows(tf.ragged.constant(texts, tf.int32, ragged_rank=1), window)
    rows = rows_of(windows)
    for number, text in enumerate(texts):
        text_rows = [row for row, owner in zip(rows, owners.numpy(), strict=True) if owner == number]
        assert [token for row in text_rows for token in row[1:-1]] == text[1:-1]
        assert len(text_rows) == max(1, math.ceil((len(text) - 2) / (window - 2)))
        assert max(map(len, text_rows)) - min(map(len, text_rows)) <= 1
    assert all(len(row) <= window and (row[0], row[-1]) == (CLS, SEP) for row in rows)


def test_the_mean_weighs_by_tokens() -> None:
    windows = tf.RaggedTensor.from_row_lengths(tf.zeros([9], tf.int32), [3, 1, 5])
    values = tf.constant([[4.0], [8.0], [7.0]])
    mean = mean_of_windows(values, windows, tf.constant([0, 0, 1]), tf.constant(2))
    np.testing.assert_allclose(mean, [[5.0], [7.0]])
