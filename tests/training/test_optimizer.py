"""The learning rate's course, and what decays."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfapp.config import TrainingSettings
from tfapp.training.optimizer import LinearWarmupDecay, make_optimizer, make_schedule


def rates(schedule: LinearWarmupDecay) -> list[float]:
    return [float(schedule(step)) for step in range(schedule.total_steps)]


def test_the_rate_rises_in_the_warm_up_and_falls_to_the_end() -> None:
    settings = TrainingSettings(learning_rate=1e-3, warmup_share=0.1)
    course = rates(make_schedule(settings, 100))
    assert course[0] == pytest.approx(1e-4)
    assert course[4] == pytest.approx(5e-4)
    assert course[9] == pytest.approx(1e-3)
    assert course[10] == pytest.approx(1e-3)
    assert course[55] == pytest.approx(1e-3 * 45 / 90)
    # The last step still learns; the one after it would not.
    assert course[99] == pytest.approx(1e-3 / 90)
    assert float(make_schedule(settings, 100)(100)) == 0.0
    assert max(course) == pytest.approx(1e-3)
    assert np.all(np.diff(course[:10]) > 0)
    assert np.all(np.diff(course[10:]) < 0)


@pytest.mark.parametrize(("share", "total"), [(0.0, 10), (1.0, 10), (0.1, 1), (0.1, 3), (0.5, 2)])
def test_odd_shares_and_short_trainings_learn_at_every_step(share: float, total: int) -> None:
    course = rates(make_schedule(TrainingSettings(learning_rate=1.0, warmup_share=share), total))
    assert all(0 < rate <= 1 for rate in course)
    assert max(course) == pytest.approx(1.0)


def test_a_schedule_is_made_again_from_its_config() -> None:
    schedule = LinearWarmupDecay(1e-3, 10, 100)
    assert rates(LinearWarmupDecay(**schedule.get_config())) == rates(schedule)


def test_kernels_decay_and_biases_and_layer_norms_do_not() -> None:
    network = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(5, 4),
            keras.layers.LSTM(4),
            keras.layers.Dense(4, bias_initializer="ones"),
            keras.layers.LayerNormalization(beta_initializer="ones"),
        ]
    )
    settings = TrainingSettings(learning_rate=0.1, warmup_share=0.0, weight_decay=0.5)
    optimizer = make_optimizer(settings, make_schedule(settings, 10))
    variables = network.trainable_variables
    old_values = [np.asarray(variable.numpy()) for variable in variables]
    optimizer.build(variables)
    optimizer.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    names = set()
    for variable, old in zip(variables, old_values, strict=True):
        new = variable.numpy()
        if not np.array_equal(new, old):
            # Decoupled (AdamW): the weight shrinks by learning rate times decay, whatever its gradient.
            np.testing.assert_allclose(new, old * (1 - 0.1 * 0.5), rtol=1e-5)
            names.add(variable.name)
    assert names == {"embeddings", "kernel", "recurrent_kernel"}
    assert {variable.name for variable in variables} - names == {"bias", "gamma", "beta"}


def test_a_gradient_moves_a_weight_by_the_learning_rate() -> None:
    settings = TrainingSettings(learning_rate=0.01, warmup_share=0.0, weight_decay=0.0)
    optimizer = make_optimizer(settings, make_schedule(settings, 10))
    weight = keras.Variable(np.zeros(3), name="kernel")
    optimizer.build([weight])
    optimizer.apply([np.array([2.0, -0.5, 0.0], np.float32)], [weight])
    # Adam's first step is the sign of the gradient.
    np.testing.assert_allclose(weight.numpy(), [-0.01, 0.01, 0.0], atol=1e-6)


@pytest.mark.parametrize(("head", "expected"), [(0.5, 0.5), (None, 0.01)])
def test_the_head_has_a_learning_rate_of_its_own(head: float | None, expected: float) -> None:
    inputs = keras.Input((2,))
    hidden_units = keras.layers.Dense(2, use_bias=False, name="body")(inputs)
    network = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, name="logits")(hidden_units))
    settings = TrainingSettings(learning_rate=0.01, head_learning_rate=head, warmup_share=0.0, weight_decay=0.0)
    optimizer = make_optimizer(settings, make_schedule(settings, 10))
    body, logits = network.trainable_variables
    optimizer.build([body, logits])
    old_values = body.numpy(), logits.numpy()
    optimizer.apply([np.ones(body.shape, np.float32), np.ones(logits.shape, np.float32)], [body, logits])
    np.testing.assert_allclose(old_values[0] - body.numpy(), np.full(body.shape, 0.01), rtol=1e-4)
    np.testing.assert_allclose(old_values[1] - logits.numpy(), np.full(logits.shape, expected), rtol=1e-4)


def test_steps_are_those_of_keras() -> None:
    settings = TrainingSettings(learning_rate=0.01, warmup_share=0.5, weight_decay=0.1)
    random = np.random.default_rng(0)
    start = random.normal(size=(7, 5)).astype(np.float32)
    gradients = random.normal(size=(10, 7, 5)).astype(np.float32)
    schedule = make_schedule(settings, 10)
    own_optimizer = make_optimizer(settings, schedule)
    keras_optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.1, beta_2=0.999, epsilon=1e-6)
    weights = []
    for optimizer in (own_optimizer, keras_optimizer):
        weight = keras.Variable(start, name="kernel")
        optimizer.build([weight])
        for gradient in gradients:
            optimizer.apply([gradient], [weight])
        weights.append(weight.numpy())
    np.testing.assert_allclose(*weights, rtol=1e-5)
