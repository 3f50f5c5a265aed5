"""AdaLoRA: the update, its penalty, the scores, and a budget that ends where it should."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfapp.models.adapters import RankAllocator, SingularValueUpdate
from tfapp.models.adapters.adalora import budget_at

PHASES: dict[str, Any] = {"warmup_share": 0.1, "final_share": 0.4, "interval": 3, "penalty": 0.1}


def make_update(shape: tuple[int, ...], rows: int, seed: int = 0) -> SingularValueUpdate:
    random = np.random.default_rng(seed)
    kernel = keras.Variable(random.normal(size=shape).astype(np.float32))
    update = SingularValueUpdate(kernel, rows=rows, rank=3, scale=0.5, seed=seed)
    for weight in update.weights.values():
        weight.assign(weight.numpy() + random.normal(size=weight.shape))
    return update


def random_gradients(updates: list[SingularValueUpdate], random: np.random.Generator) -> list[tf.Tensor]:
    shapes = [weight.shape for update in updates for weight in update.weights.values()]
    return [tf.constant(random.normal(size=shape), tf.float32) for shape in shapes]


def test_it_starts_where_the_kernel_is() -> None:
    initial = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    update = SingularValueUpdate(keras.Variable(initial), rows=8, rank=3, scale=0.5, seed=1)
    update.merge()
    np.testing.assert_array_equal(update.kernel.numpy(), initial)
    assert SingularValueUpdate.count(8, 6, 3) == sum(weight.numpy().size for weight in update.weights.values())


@pytest.mark.parametrize(("shape", "rows"), [((8, 6), 8), ((8, 2, 3), 8), ((2, 4, 5), 8)])
def test_kernel_and_gradients_are_those_of_the_three_factors(shape: tuple[int, ...], rows: int) -> None:
    update = make_update(shape, rows)
    p, values, q = factors = [tf.constant(weight.numpy()) for weight in update.weights.values()]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(factors)
        kernel = tf.reshape(update.initial + 0.5 * p @ tf.linalg.diag(values) @ q, shape)
        loss = tf.reduce_sum(tf.sin(kernel))
        penalty = sum(tf.norm(tf.transpose(factor) @ factor - tf.eye(3)) ** 2 for factor in (p, tf.transpose(q)))
    update.merge()
    np.testing.assert_allclose(update.kernel.numpy(), kernel, rtol=1e-4, atol=1e-5)
    gradients = update.gradients(tape.gradient(loss, kernel))
    for gradient, expected in zip(gradients, tape.gradient(loss, factors), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(update.penalty(), penalty, rtol=1e-4)
    for gradient, expected in zip(update.penalty_gradients(), tape.gradient(penalty, (p, q)), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-3)


def test_the_penalty_makes_the_factors_orthogonal() -> None:
    update = make_update((8, 6), 8)
    allocator = RankAllocator([update], target=2, **PHASES | {"penalty": 1.0})
    distances = [float(update.penalty())]
    nothing = [tf.zeros(weight.shape) for weight in update.weights.values()]
    for _ in range(100):
        for weight, gradient in zip(update.weights.values(), allocator.penalize(nothing), strict=True):
            weight.assign_sub(0.01 * gradient)
        distances.append(float(update.penalty()))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3 * distances[0]


def test_scores_are_the_smoothed_sensitivity_times_its_uncertainty() -> None:
    updates = [make_update((8, 6), 8), make_update((8, 2, 3), 8, seed=1)]
    allocator = RankAllocator(updates, target=4, **PHASES)
    weights = [weight.numpy() for update in updates for weight in update.weights.values()]
    means, deviations = ([np.zeros(weight.shape) for weight in weights] for _ in range(2))
    random = np.random.default_rng(2)
    for _ in range(3):
        gradients = random_gradients(updates, random)
        allocator.observe(allocator.sensitivities(gradients))
        for number, (weight, gradient) in enumerate(zip(weights, gradients, strict=True)):
            sensitivity = np.abs(weight * gradient.numpy())
            means[number] = 0.85 * means[number] + 0.15 * sensitivity
            deviations[number] = 0.85 * deviations[number] + 0.15 * np.abs(sensitivity - means[number])
    importances = [mean * deviation for mean, deviation in zip(means, deviations, strict=True)]
    expected = [
        importances[first + 1][i] + importances[first][:, i].mean() + importances[first + 2][i].mean()
        for first in (0, 3)
        for i in range(3)
    ]
    np.testing.assert_allclose(allocator.scores(), expected, rtol=1e-5)


def test_the_budget_falls_as_a_cube_between_the_phases() -> None:
    spans = {"first": 12, "last": 8, "warmup": 10, "final": 40}
    budgets = [budget_at(step, 100, **spans) for step in range(101)]
    assert budgets[:11] == [12] * 11
    assert budgets[35] == round(8 + 4 * 0.5**3)
    assert budgets[60:] == [8] * 41


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 1), st.integers(1, 40), st.integers(0, 20))
def test_the_budget_never_rises_and_ends_at_its_target(
    steps: int, warmup: float, final: float, last: int, surplus: int
) -> None:
    spans = {"warmup": round(warmup * steps), "final": round(min(final, 1 - warmup) * steps)}
    budgets = [budget_at(step, steps, first=last + surplus, last=last, **spans) for step in range(steps + 1)]
    assert budgets == sorted(budgets, reverse=True)
    assert budgets[-1] == last
    assert set(budgets) <= set(range(last, last + surplus + 1))


@pytest.mark.parametrize("total_steps", [1, 7, 40])
def test_the_most_important_values_are_left_and_stay(total_steps: int) -> None:
    updates = [make_update((8, 6), 8), make_update((8, 2, 3), 8, seed=1)]
    allocator = RankAllocator(updates, target=4, **PHASES)
    random, budgets, patterns = np.random.default_rng(3), [], []
    for step in range(1, total_steps + 1):
        gradients = random_gradients(updates, random)
        allocator.observe(allocator.sensitivities(gradients))
        for update in updates:
            # What an optimizer does: it moves what was set to 0, too.
            update.weights["singular_values"].assign_add(random.normal(size=3))
        allocator.allocate(step, total_steps)
        allocator.hold()
        budgets.append(allocator.budget)
        patterns.append(np.concatenate([update.weights["singular_values"].numpy() != 0 for update in updates]))
    assert budgets == sorted(budgets, reverse=True)
    assert budgets[-1] == patterns[-1].sum() == 4
    last_patterns = [pattern for step, pattern in enumerate(patterns, start=1) if step >= total_steps * 0.6]
    assert all(np.array_equal(pattern, last_patterns[0]) for pattern in last_patterns)


def test_what_is_left_are_the_highest_scores() -> None:
    update = make_update((8, 6), 8)
    allocator = RankAllocator([update], target=1, **PHASES)
    allocator.observe(allocator.sensitivities(random_gradients([update], np.random.default_rng(4))))
    best = int(np.argmax(allocator.scores()))
    allocator.allocate(10, 10)
    assert np.flatnonzero(update.weights["singular_values"].numpy()).tolist() == [best]


@pytest.mark.parametrize("ends", [[40, 20, 40, 60, 60], [8, 8, 60, 60, 60], [60, 50, 30, 30, 25]], ids=str)
def test_a_training_whose_end_moves_gets_no_rank_back(ends: list[int]) -> None:
    """A budget of time makes another step the last one, sooner or later than before."""
    updates = [make_update((8, 6), 8)]
    allocator = RankAllocator(updates, target=1, **PHASES | {"interval": 1})
    budgets, random = [], np.random.default_rng(5)
    for step, total_steps in [*zip(range(5, 30, 5), ends, strict=True), (25, 25)]:
        updates[0].weights["singular_values"].assign(random.normal(size=3))
        allocator.allocate(step, total_steps)
        allocator.hold()
        budgets.append(allocator.budget)
    assert budgets == sorted(budgets, reverse=True)
    assert np.count_nonzero(updates[0].weights["singular_values"].numpy()) == budgets[-1] == 1
