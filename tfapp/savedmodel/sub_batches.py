"""Computes rows of tokens in sub-batches: sorted by length, about as many tokens each, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import tensorflow as tf

from tfapp.savedmodel.shape_grid import pad_to_grid

__all__ = ["in_sub_batches"]

# Sub-batches that may be under way at once; threads are what there are of them, this bounds the memory.
_SIDE_BY_SIDE: Final = 32
# Rows over and under these lengths are not in the same sub-batch.
_LONG: Final = (96, 384)


def in_sub_batches(
    compute_row: Callable[..., tf.Tensor],
    compute_rows: Callable[..., tf.Tensor],
    lengths: tf.Tensor,
    columns: Sequence[tf.Tensor],
    *,
    size: int,
    by_token: bool,
) -> tf.Tensor:
    """Computes something of rows of tokens.

    Args:
        compute_row: Computes it of the columns of one row.
        compute_rows: Computes it of the lengths int32[M] of M rows, M at least 1, and their columns. The last of these
            rows may be empty, but never all; the last tokens may belong to none.
        lengths: int32[N], each 1 or more; N may be 0.
        columns: What the tokens are, int32[P] each, all rows after another; P is the sum of the lengths.
        size: Tokens of a sub-batch, about: at most so many more as the longest row has.
        by_token: Whether the result has a row for each token; else one for each row.

    Returns:
        float32[N, K], or [P, K].
    """
    single = tf.equal(tf.size(lengths), 1)
    return tf.cond(
        single,
        lambda: compute_row(*columns),
        lambda: _in_loop(compute_rows, lengths, columns, size=size, by_token=by_token),
    )


def _in_loop(
    many: Callable[..., tf.Tensor], lengths: tf.Tensor, columns: Sequence[tf.Tensor], *, size: int, by_token: bool
) -> tf.Tensor:
    count = tf.size(lengths)
    # Some ops cannot compute on nothing.
    padding = tf.maximum(1 - count, 0)
    lengths = tf.pad(lengths, [[0, padding]], constant_values=1)
    columns = [tf.pad(column, [[0, padding]]) for column in columns]
    order = tf.argsort(lengths, stable=True)
    sizes = tf.gather(lengths, order)
    shifts = tf.gather(tf.cumsum(lengths, exclusive=True), order) - tf.cumsum(sizes, exclusive=True)
    # Where the tokens of the rows in their new order stand in the old one.
    positions, lengths = tf.range(tf.reduce_sum(sizes)) + tf.repeat(shifts, sizes), sizes
    columns = [tf.gather(column, positions) for column in columns]
    bounds, edges = _borders(lengths, size)
    steps = tf.size(bounds) - 1

    def body(number: tf.Tensor, results: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        rows = slice(bounds[number], bounds[number + 1])
        tokens = slice(edges[number], edges[number + 1])
        value = many(*pad_to_grid(lengths[rows], *(column[tokens] for column in columns)))
        widths.append(value.shape[-1])
        positions = edges if by_token else bounds
        return number + 1, results.write(number, value[: positions[number + 1] - positions[number]])

    widths: list[Any] = []
    results = tf.TensorArray(tf.float32, steps, infer_shape=False)
    _, results = tf.while_loop(lambda number, _: number < steps, body, (0, results), parallel_iterations=_SIDE_BY_SIDE)
    values = tf.ensure_shape(results.concat(), [None, widths[0]])
    back = positions if by_token else order
    results_in_order = tf.scatter_nd(back[:, tf.newaxis], values, tf.shape(values))
    return results_in_order[: tf.shape(results_in_order)[0] - padding]


def _borders(lengths: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts rows into sub-batches, none without rows.

    Their number is even, if it is not one, so that two threads end at about the same time. What fits into one stays
    one: halves of it would not be done sooner, as a layer's parts run in parallel, too. But short rows are not with
    long ones, whose length they would be padded to in attention.

    Returns:
        int32[S + 1] each: the numbers of the rows at the borders, and of the tokens.
    """
    ends = tf.cumsum(lengths)
    total = ends[-1]
    steps = tf.where(total <= size, 1, 2 * -(-total // (2 * size)))
    # Each row goes where its middle is.
    middles = tf.cast(2 * ends - lengths, tf.float32) / tf.cast(2 * total, tf.float32)
    numbers = tf.cast(middles * tf.cast(steps, tf.float32), tf.int32)
    kinds = tf.add_n([tf.cast(lengths > length, tf.int32) for length in _LONG])
    # Rows are sorted, so that both only rise.
    _, _, counts = tf.unique_with_counts(numbers + kinds)
    bounds = tf.concat([[0], tf.cumsum(counts)], axis=0)
    return bounds, tf.gather(tf.concat([[0], ends], axis=0), bounds)
