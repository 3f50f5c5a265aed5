"""A low-rank update is what the paper says, and the kernel always holds it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.models.adapters import LowRankUpdate, adapter_scale

SHAPES = [((6, 4), 6), ((6, 2, 3), 6), ((2, 3, 5), 6)]


def make_update(shape: tuple[int, ...], rows: int) -> tuple[LowRankUpdate, np.ndarray]:
    initial = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return LowRankUpdate(keras.Variable(initial), rows=rows, rank=2, scale=3.0, seed=1), initial


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_it_starts_where_the_kernel_is_and_adds_a_product(shape: tuple[int, ...], rows: int) -> None:
    update, initial = make_update(shape, rows)
    a, b = update.weights["a"], update.weights["b"]
    assert tuple(a.shape) == (rows, 2)
    assert tuple(b.shape) == (2, initial.size // rows)
    update.merge()
    np.testing.assert_array_equal(update.kernel.numpy(), initial)
    b.assign(np.random.default_rng(1).normal(size=b.shape).astype(np.float32))
    update.merge()
    expected = initial + 3.0 * (a.numpy() @ b.numpy()).reshape(shape)
    np.testing.assert_allclose(update.kernel.numpy(), expected, rtol=1e-5)
    # From the initial kernel each time, not from the last sum.
    update.merge()
    np.testing.assert_allclose(update.kernel.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_its_gradients_are_those_of_the_two_matrices(shape: tuple[int, ...], rows: int) -> None:
    update, initial = make_update(shape, rows)
    update.weights["b"].assign(np.random.default_rng(2).normal(size=update.weights["b"].shape))
    a, b = (tf.constant(weight.numpy()) for weight in update.weights.values())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((a, b))
        kernel = initial + 3.0 * tf.reshape(a @ b, shape)
        loss = tf.reduce_sum(tf.sin(kernel))
    gradients = update.gradients(tape.gradient(loss, kernel))
    for gradient, expected in zip(gradients, tape.gradient(loss, (a, b)), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_seeds_give_other_first_values_and_the_same_one_the_same() -> None:
    kernel = keras.Variable(np.zeros((100, 50), np.float32))
    values, repeat, other_seed = (
        LowRankUpdate(kernel, rows=100, rank=4, scale=1.0, seed=seed).weights["a"].numpy() for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(values, repeat)
    assert not np.array_equal(values, other_seed)
    # Uniform within 1 / sqrt(rows), as in the authors' code.
    assert np.abs(values).max() == pytest.approx(0.1, rel=0.05)
    assert np.abs(values).max() <= 0.1


def test_a_stabilized_update_is_as_large_for_every_rank() -> None:
    """The size of a random update does not depend on the rank, as it does with alpha / rank."""
    random = np.random.default_rng(3)
    sizes: dict[bool, list[float]] = {False: [], True: []}
    for rank in (4, 64):
        product = random.normal(size=(100, rank)) @ random.normal(size=(rank, 100))
        for is_stabilized, deviations in sizes.items():
            deviations.append(float(np.std(adapter_scale(8.0, rank, rank_stabilized=is_stabilized) * product)))
    assert sizes[True] == pytest.approx([8.0, 8.0], rel=0.05)
    assert sizes[False] == pytest.approx([4.0, 1.0], rel=0.05)
