"""A batch in parts: each row in one of them, and the whole again from what they give."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.training.parallel_shards import map_shards, shards_of

LENGTHS = st.lists(st.integers(0, 5), max_size=9)


def rows(lengths: list[int]) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_lengths(tf.range(sum(lengths)), np.array(lengths, np.int64))


@settings(max_examples=40)
@given(lengths=LENGTHS, count=st.integers(1, 4))
def test_each_row_is_in_one_part(lengths: list[int], count: int) -> None:
    ids, numbers = rows(lengths), tf.range(len(lengths))
    parts = shards_of(count, ids, (numbers, numbers * 2), numbers)
    assert len(parts) == count
    assert [row for part in parts for row in part[0].to_list()] == ids.to_list()
    assert [number for part in parts for number in part[2].numpy()] == numbers.numpy().tolist()
    sizes = [len(part[2]) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for part, size in zip(parts, sizes, strict=True):
        assert [tensor.shape[0] for tensor in part[1]] == [size, size]


@settings(max_examples=40)
@given(lengths=LENGTHS, count=st.integers(1, 4))
def test_the_whole_comes_back(lengths: list[int], count: int) -> None:
    ids = rows(lengths)
    np.testing.assert_array_equal(
        map_shards(count, lambda part: tf.cast(part.row_lengths(), tf.int32)[:, None], ids),
        np.array(lengths, np.int32).reshape(-1, 1),
    )
    # As wide as the longest row of a part.
    tokens = map_shards(count, lambda part: part.to_tensor()[:, :, None], ids)
    np.testing.assert_array_equal(tokens, ids.to_tensor()[:, :, None])


@pytest.mark.parametrize("count", [1, 2])
def test_what_goes_with_the_rows_goes_with_their_part(count: int) -> None:
    sums = map_shards(
        count, lambda part, addend: part.to_tensor() + addend, rows([2, 2, 2]), tf.constant([[10], [20], [30]])
    )
    np.testing.assert_array_equal(sums, [[10, 11], [22, 23], [34, 35]])
