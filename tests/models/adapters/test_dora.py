"""DoRA's kernel is magnitude times direction, and its gradients are the paper's, with the length held constant."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.models.adapters import DirectionUpdate, LowRankUpdate

SHAPES = [((6, 4), 6), ((6, 2, 3), 6), ((2, 3, 5), 6)]


def make_update(shape: tuple[int, ...], rows: int) -> tuple[DirectionUpdate, np.ndarray]:
    random = np.random.default_rng(0)
    initial = random.normal(size=shape).astype(np.float32)
    update = DirectionUpdate(keras.Variable(initial), rows=rows, rank=2, scale=0.5, seed=1)
    for weight in update.weights.values():
        weight.assign(weight.numpy() + random.normal(size=weight.shape))
    return update, initial.reshape(rows, -1)


def test_it_starts_where_the_kernel_is() -> None:
    initial = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)
    initial[:, 0, 0] = 0.0
    update = DirectionUpdate(keras.Variable(initial), rows=6, rank=2, scale=0.5, seed=1)
    lengths = np.sqrt((initial.reshape(6, 6) ** 2).sum(axis=0))
    np.testing.assert_allclose(update.weights["magnitude"].numpy(), lengths, rtol=1e-6)
    update.merge()
    np.testing.assert_allclose(update.kernel.numpy(), initial, rtol=1e-6)


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_each_column_has_the_length_that_is_learnt_and_the_direction_of_lora(shape: tuple[int, ...], rows: int) -> None:
    update, initial = make_update(shape, rows)
    a, b, magnitude = (weight.numpy() for weight in update.weights.values())
    direction = initial + 0.5 * a @ b
    update.merge()
    kernel = update.kernel.numpy()
    assert kernel.shape == shape
    expected = magnitude * direction / np.sqrt((direction**2).sum(axis=0, keepdims=True))
    np.testing.assert_allclose(kernel.reshape(rows, -1), expected, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(kernel.reshape(rows, -1), axis=0), np.abs(magnitude), rtol=1e-5)


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_its_gradients_are_those_with_the_length_detached(shape: tuple[int, ...], rows: int) -> None:
    update, initial = make_update(shape, rows)
    a, b, magnitude = (tf.constant(weight.numpy()) for weight in update.weights.values())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((a, b, magnitude))
        direction = initial + 0.5 * a @ b
        kernel = tf.reshape(magnitude * direction / tf.stop_gradient(tf.norm(direction, axis=0)), shape)
        loss = tf.reduce_sum(tf.sin(kernel))
    gradients = update.gradients(tape.gradient(loss, kernel))
    for gradient, expected in zip(gradients, tape.gradient(loss, (a, b, magnitude)), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_it_counts_a_magnitude_for_each_column() -> None:
    update, _ = make_update((6, 2, 3), 6)
    assert DirectionUpdate.count(6, 6, 2) == sum(weight.numpy().size for weight in update.weights.values())
    assert DirectionUpdate.count(6, 6, 2) == LowRankUpdate.count(6, 6, 2) + 6
