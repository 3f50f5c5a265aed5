"""R-Drop: its term is the symmetric divergence computed by hand, and its gradients are those of the plain formula."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, rel_entr

from tests.networks import rows_of
from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.models.unknown import Unknown
from tfapp.tasks.models import build_model
from tfapp.training import make_strategy
from tfapp.training.gradients import BatchGradients, Gradients
from tfapp.training.r_drop import RDrop
from tfapp.training.sharpness_aware import SharpnessAware

ALPHA = 0.7
ONE = np.array([[1.0, -0.5, 0.2], [0.0, 2.0, -1.0], [3.0, 0.0, 0.0]], np.float32)
OTHER = np.array([[0.4, 0.1, 0.0], [0.5, 1.0, -2.0], [-1.0, 0.0, 0.5]], np.float32)
WEIGHTS = np.array([1, 0, 1], np.float32)


def build(preset: Path, task: str = "classification", **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    settings = ModelSettings(preset=str(preset), max_length=16, pooling="mean", **changes)
    return build_model(task, settings, ["0", "1", "2"] if task == "classification" else ["0", "1"])


def loss_of(
    model: TaskModel, logits: np.ndarray, second_logits: np.ndarray, targets: np.ndarray
) -> tuple[float, float]:
    """The objective of a network whose passes end in these logits."""
    passes = iter((logits, second_logits))
    twin: Any = copy.copy(model)
    twin.logits = lambda _ids, *, training: tf.constant(next(passes)) if training else None
    total, count = RDrop(twin, ALPHA)(None, targets, tf.constant(WEIGHTS))
    return float(total), float(count)


def test_of_classes_it_is_the_symmetric_divergence_of_two_distributions(still_preset: Path) -> None:
    targets = np.array([0, 1, 2])
    p, q = log_softmax(ONE, axis=1), log_softmax(OTHER, axis=1)
    likelihood = -(p + q)[np.arange(3), targets]
    divergence = (rel_entr(np.exp(p), np.exp(q)) + rel_entr(np.exp(q), np.exp(p))).sum(axis=1) / 2
    expected = float((likelihood + ALPHA * divergence) @ WEIGHTS)
    assert loss_of(build(still_preset), ONE, OTHER, targets) == (pytest.approx(expected, rel=1e-5), 2.0)


@pytest.mark.parametrize("by", ["auto", "distance", "energy"])
def test_a_text_that_the_loss_does_not_learn_has_no_divergence(still_preset: Path, by: Any) -> None:
    model = build(still_preset)
    model.unknown = Unknown("none", by=by)
    total, count = loss_of(model, ONE, OTHER, np.array([-1, -1, -1]))
    assert count == 2
    if by != "energy":
        assert total == 0
        return
    # Learnt as equally far from all labels, in both passes.
    p, q = log_softmax(ONE, axis=1), log_softmax(OTHER, axis=1)
    divergence = (rel_entr(np.exp(p), np.exp(q)) + rel_entr(np.exp(q), np.exp(p))).sum(axis=1) / 2
    assert total == pytest.approx(float((-(p + q).mean(axis=1) + ALPHA * divergence) @ WEIGHTS), rel=1e-5)


def test_of_several_labels_it_is_the_mean_of_the_labels_own(still_preset: Path) -> None:
    targets = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]], np.float32)
    p, q = expit(ONE), expit(OTHER)
    likelihood = -(np.log(np.where(targets, p, 1 - p)) + np.log(np.where(targets, q, 1 - q))).mean(axis=1)
    pairs = ((p, q), (1 - p, 1 - q), (q, p), (1 - q, 1 - p))
    divergence = sum(rel_entr(a, b) for a, b in pairs).mean(axis=1) / 2
    expected = float((likelihood + ALPHA * divergence) @ WEIGHTS)
    model = build(still_preset, multi_label=True)
    assert loss_of(model, ONE, OTHER, targets) == (pytest.approx(expected, rel=1e-5), 2.0)


def test_of_numbers_it_is_the_squared_difference(still_preset: Path) -> None:
    targets = np.array([0.5, 1.0, -1.0], np.float32)
    numbers, second_numbers = ONE[:, 0], OTHER[:, 0]
    row_losses = (numbers - targets) ** 2 + (second_numbers - targets) ** 2 + ALPHA * (numbers - second_numbers) ** 2
    model = build(still_preset, "regression")
    assert loss_of(model, numbers, second_numbers, targets) == (
        pytest.approx(float(row_losses @ WEIGHTS), rel=1e-5),
        2.0,
    )


def batch(model: TaskModel) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
    ids = rows_of(model, [9, 5, 12, 7, 7, 3], seed=1)  # type: ignore[arg-type]
    return ids, tf.constant([0, 1, 2, 0, 1, 2]), tf.constant([1, 1, 0, 1, 1, 1], tf.float32)


def gradients(model: TaskModel, sub_batch: int | None = None) -> BatchGradients:
    variables = model.network.trainable_variables
    return BatchGradients(model, variables, make_strategy("none"), batch_loss=RDrop(model, ALPHA), sub_batch=sub_batch)


def assert_same(gradients: Gradients, reference: Gradients) -> None:
    np.testing.assert_allclose(gradients.loss, reference.loss, rtol=1e-6)
    assert max(float(tf.reduce_max(tf.abs(value))) for value in reference.values) > 1e-3
    for value, expected in zip(gradients.values, reference.values, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


def test_gradients_are_those_of_the_formula_for_the_same_dropout(shallow_preset: Path) -> None:
    model, plain_model = build(shallow_preset), build(shallow_preset)
    ids, targets, weights = batch(plain_model)
    variables = [variable.value for variable in plain_model.network.trainable_variables]
    with tf.GradientTape() as tape:
        p, q = (tf.nn.log_softmax(plain_model.logits(ids, training=True)) for _ in range(2))
        one_hot = tf.one_hot(targets, 3)
        likelihood = -tf.reduce_sum((p + q) * one_hot, axis=1)
        divergence = tf.reduce_sum((tf.exp(p) - tf.exp(q)) * (p - q), axis=1) / 2
        loss = tf.reduce_sum((likelihood + ALPHA * divergence) * weights) / 5
    expected = [tf.convert_to_tensor(value) for value in tape.gradient(loss, variables)]
    assert float(tf.reduce_max(divergence)) > 1e-4
    assert_same(gradients(model)(ids, targets, weights), Gradients(loss, expected))


def test_parts_and_sharpness_aware_steps_come_to_the_whole(still_preset: Path) -> None:
    """Without dropout, both passes are one: the gradients are twice the plain ones."""
    model = build(still_preset, dropout=0)
    variables = model.network.trainable_variables
    batch_gradients = BatchGradients(model, variables, make_strategy("none"), batch_loss=model.batch_loss)
    plain_gradients = SharpnessAware(batch_gradients, variables, 0.5)(*batch(model))
    model.shards = 2
    double = SharpnessAware(gradients(model, sub_batch=4), variables, 0.5)(*batch(model))
    assert_same(double, Gradients(2 * plain_gradients.loss, [2 * value for value in plain_gradients.values]))
