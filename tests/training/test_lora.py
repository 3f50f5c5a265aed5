"""A low-rank update is what the paper says, and the kernel always holds it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.training.adaptation import LowRankUpdate

SHAPES = [((6, 4), 6), ((6, 2, 3), 6), ((2, 3, 5), 6)]


def made(shape: tuple[int, ...], rows: int) -> tuple[LowRankUpdate, np.ndarray]:
    initial = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return LowRankUpdate(keras.Variable(initial), rows=rows, rank=2, alpha=6.0, seed=1), initial


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_it_starts_where_the_kernel_is_and_adds_a_product(shape: tuple[int, ...], rows: int) -> None:
    update, initial = made(shape, rows)
    assert tuple(update.a.shape) == (rows, 2)
    assert tuple(update.b.shape) == (2, initial.size // rows)
    update.merge()
    np.testing.assert_array_equal(update.kernel.numpy(), initial)
    b = np.random.default_rng(1).normal(size=update.b.shape).astype(np.float32)
    update.b.assign(b)
    update.merge()
    expected = initial + 3.0 * (update.a.numpy() @ b).reshape(shape)
    np.testing.assert_allclose(update.kernel.numpy(), expected, rtol=1e-5)
    # From the initial kernel each time, not from the last sum.
    update.merge()
    np.testing.assert_allclose(update.kernel.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_its_gradients_are_those_of_the_two_matrices(shape: tuple[int, ...], rows: int) -> None:
    update, initial = made(shape, rows)
    update.b.assign(np.random.default_rng(2).normal(size=update.b.shape))
    a, b = tf.constant(update.a.numpy()), tf.constant(update.b.numpy())
    with tf.GradientTape(persistent=True) as both:
        both.watch((a, b))
        kernel = initial + 3.0 * tf.reshape(a @ b, shape)
        loss = tf.reduce_sum(tf.sin(kernel))
    got = update.gradients(both.gradient(loss, kernel))
    for mine, theirs in zip(got, both.gradient(loss, (a, b)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_seeds_give_other_first_values_and_the_same_one_the_same() -> None:
    kernel = keras.Variable(np.zeros((100, 50), np.float32))
    one, again, other = (LowRankUpdate(kernel, rows=100, rank=4, alpha=4.0, seed=seed).a.numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    # Uniform within 1 / sqrt(rows), as in the authors' code.
    assert np.abs(one).max() == pytest.approx(0.1, rel=0.05)
    assert np.abs(one).max() <= 0.1
