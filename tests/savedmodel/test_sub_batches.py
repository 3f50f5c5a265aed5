"""Rows of tokens in sub-batches: all of them, each where it was, and none padded to a much longer one."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfapp.savedmodel.shape_grid import padded_sizes
from tfapp.savedmodel.sub_batches import in_sub_batches

SIZE = 64
LENGTHS = st.lists(st.integers(1, 40) | st.integers(1, 600), max_size=24)


class Met(list[list[int]]):
    """The lengths of each sub-batch's rows, and its shape with what fills it up: rows and tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, int]] = []

    def add(self, sizes: tf.Tensor, tokens: tf.Tensor) -> None:
        rows = np.split(tokens.numpy(), np.cumsum(sizes))
        # What fills a sub-batch up is 0, and no real token is left to no row.
        self.append([len(row) for row in rows if row.any()])
        self.shapes.append((len(sizes), len(tokens)))
        assert not rows[-1].any()


def run(lengths: list[int], *, by_token: bool) -> tuple[np.ndarray, np.ndarray, Met]:
    """Returns what was given back, what was to come, and the sub-batches."""
    tokens = np.arange(sum(lengths), dtype=np.int32) + 1
    batches = Met()

    def answer(sizes: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
        batches.add(sizes, tokens)
        rows = tf.RaggedTensor.from_row_lengths(tokens[: tf.reduce_sum(sizes)], sizes)
        return tf.cast(tokens if by_token else tf.reduce_sum(rows, axis=1), tf.float32)[:, None]

    answers: Any = in_sub_batches(
        lambda tokens: answer(tf.size(tokens)[None], tokens),
        answer,
        tf.constant(lengths, tf.int32),
        [tf.constant(tokens)],
        size=SIZE,
        by_token=by_token,
    )
    rows = np.split(tokens, np.cumsum(lengths)[:-1]) if lengths else []
    expected = tokens if by_token else np.array([row.sum() for row in rows])
    return answers.numpy(), expected.reshape(-1, 1), batches


@settings(max_examples=40)
@given(LENGTHS, st.booleans())
@example([], True)
@example([], False)
@example([3], True)
@example([2] * 30 + [600], False)
def test_each_row_is_answered_in_its_place(lengths: list[int], by_token: bool) -> None:
    answers, expected, batches = run(lengths, by_token=by_token)
    np.testing.assert_array_equal(answers, expected)
    assert [size for sizes in batches for size in sizes] == sorted(lengths)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 600), min_size=2, max_size=24))
def test_a_sub_batch_is_bounded_and_even_in_length(lengths: list[int]) -> None:
    _, _, batches = run(lengths, by_token=True)
    for sizes, (rows, tokens) in zip(batches, batches.shapes, strict=True):
        assert sum(sizes) <= SIZE + max(lengths)
        assert tokens == -(-sum(sizes) // 16) * 16
        # A row that fills it up costs as much as the longest in attention.
        assert rows == (-(-len(sizes) // 4) * 4 if max(sizes) <= 96 else len(sizes))
        assert max(sizes) <= 96 or min(sizes) > 96
        assert max(sizes) <= 384 or min(sizes) > 384


def test_short_texts_are_not_padded_to_a_long_one() -> None:
    _, _, batches = run([4] * 30 + [200], by_token=True)
    cost = sum(rows * max(sizes) ** 2 for sizes, (rows, _) in zip(batches, batches.shapes, strict=True))
    assert cost < 1.1 * 200**2


@pytest.mark.parametrize("count", [2, 3, 16])
def test_what_fits_stays_together(count: int) -> None:
    assert len(run([4] * count, by_token=True)[2]) == 1


def test_two_threads_end_at_about_the_same_time() -> None:
    sizes = [tokens for _, tokens in run([10] * 50, by_token=True)[2].shapes]
    assert len(sizes) % 2 == 0
    assert all(abs(size - next_size) <= 32 for size, next_size in pairwise(sizes))


@given(longest=st.integers(1, 1024))
def test_a_row_alone_has_one_of_few_sizes_and_little_padding(longest: int) -> None:
    sizes, counts = padded_sizes(longest), np.arange(longest + 1)
    assert np.all(sizes[1:] >= counts[1:])
    assert sizes.max() <= longest
    assert np.all(np.diff(sizes) >= 0)
    assert np.all(sizes - counts <= np.maximum(3, counts / 8))
    # As many as one half of the last power of two has steps, for each power before it, too.
    assert len(set(sizes.tolist())) <= 9 + 8 * np.ceil(np.log2(max(longest, 32) / 32))


@given(longest=st.integers(1, 1024))
def test_rows_together_have_one_of_few_widths_and_little_padding(longest: int) -> None:
    widths, counts = padded_sizes(longest, together=True), np.arange(longest + 1)
    assert np.all(widths >= counts)
    assert np.all(widths % 8 == 0)
    assert np.all(np.diff(widths) >= 0)
    assert np.all(widths - counts <= np.maximum(7, counts / 8))
    assert len(set(widths.tolist())) <= 9 + 8 * np.ceil(np.log2(max(longest, 64) / 64))
