"""FGM: the move has its length, raises the loss as the gradient says, and gradients are those of a plain reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.networks import build as build_network
from tests.networks import rows_of
from tfapp.config import ModelSettings
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.classification.lstm import LstmClassifier
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model
from tfapp.training import make_strategy
from tfapp.training.adversarial_embeddings import AdversarialEmbeddings
from tfapp.training.gradients import BatchGradients, Gradients
from tfapp.training.sharpness_aware import SharpnessAware

EPSILON = 0.5
TokenBatch = tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]


def build(preset: Path, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    settings: dict[str, Any] = {"preset": str(preset), "max_length": 16, "pooling": "mean", "dropout": 0}
    return build_model("classification", ClassificationModelSettings(**settings | changes), ["a", "b", "c"])


def batch(model: TaskModel) -> TokenBatch:
    """Six rows, one of which does not count."""
    ids = rows_of(model, [9, 5, 12, 7, 7, 3], seed=1)  # type: ignore[arg-type]
    return ids, tf.constant([0, 1, 2, 0, 1, 2]), tf.constant([1, 1, 0, 1, 1, 1], tf.float32)


def gradients(model: TaskModel, sub_batch: int | None = None, strategy: Any = None) -> BatchGradients:
    objective = AdversarialEmbeddings(model, EPSILON)
    variables = model.network.trainable_variables
    return BatchGradients(
        model, variables, strategy or make_strategy("none"), batch_loss=objective, sub_batch=sub_batch
    )


def assert_same(gradients: Gradients, reference: Gradients) -> None:
    np.testing.assert_allclose(gradients.loss, reference.loss, rtol=1e-5)
    assert max(float(tf.reduce_max(tf.abs(value))) for value in reference.values) > 1e-3
    for value, expected in zip(gradients.values, reference.values, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


@pytest.mark.parametrize("window", [None, 6])
def test_a_move_is_as_long_as_it_is_to_be_and_raises_the_loss_to_first_order(
    still_preset: Path, window: int | None
) -> None:
    model = build(still_preset, window=window)
    rows = batch(model)
    small, unit = (AdversarialEmbeddings(model, length) for length in (1e-3, 1.0))
    total, _, (moves,) = small.moves(*rows)
    norms = np.linalg.norm(np.reshape(moves, [len(moves), -1]), axis=1)
    assert sorted(set(np.round(norms, 6).tolist())) == [0.0, pytest.approx(1e-3)]
    # Nothing is moved where there is no token, nor in the row that does not count.
    mask = np.asarray(model.pad(rows[0])["padding_mask"]) if window is None else None
    if mask is not None:
        assert not np.any(np.asarray(moves)[mask == 0])
        assert (norms == 0).tolist() == [False, False, True, False, False, False]
    # To first order the loss grows by the sum of the lengths of the gradients, which are those of a unit's moves.
    _, _, (directions,) = unit.moves(*rows)
    with tf.GradientTape() as tape:
        tape.watch(directions)
        far, _ = unit.moved_loss([directions * 1e-3], *rows)
    slope = float(tf.reduce_sum(tape.gradient(far, directions) * directions))
    growth = float(small.moved_loss([moves], *rows)[0] - total)
    assert growth > 0
    assert growth == pytest.approx(slope, rel=0.05)
    # No other direction of that length raises it as much.
    noise = tf.random.stateless_normal(moves.shape, [1, 2]) * tf.cast(moves != 0, tf.float32)
    other_move = 1e-3 * tf.math.divide_no_nan(noise, tf.norm(noise, axis=[1, 2], keepdims=True))
    assert abs(float(small.moved_loss([other_move], *rows)[0] - total)) < 0.7 * growth


def test_gradients_are_those_of_a_table_of_vectors_that_is_moved(still_preset: Path) -> None:
    """Where no token comes twice, the vectors of a text's tokens are rows of the table that no other text reads."""
    model, plain_model = build(still_preset), build(still_preset)
    numbers = np.random.default_rng(0).permutation(np.arange(5, 65))[:18].astype(np.int32)
    ids = tf.RaggedTensor.from_row_lengths(numbers, [6, 6, 6])
    rows = ids, tf.constant([0, 2, 1]), tf.ones(3)
    variables = plain_model.network.trainable_variables

    def by_plain() -> tuple[tf.Tensor, list[tf.Tensor]]:
        values = [variable.value for variable in variables]
        with tf.GradientTape() as tape:
            total, _ = plain_model.batch_loss(*rows)
        return total, [tf.convert_to_tensor(value) for value in tape.gradient(total, values)]

    total, plain_gradients = by_plain()
    (number,) = (n for n, variable in enumerate(variables) if variable.path.endswith("token_embedding/embeddings"))
    table, vectors = variables[number], plain_gradients[number].numpy()
    for row in numbers.reshape(3, 6):
        vectors[row] *= EPSILON / np.linalg.norm(vectors[row])
    content = table.numpy()
    table.assign(content + vectors)
    moved_total, moved_gradients = by_plain()
    table.assign(content)
    assert float(moved_total) > float(total)
    expected = [(value + moved_value) / 3 for value, moved_value in zip(plain_gradients, moved_gradients, strict=True)]
    assert_same(gradients(model)(*rows), Gradients((total + moved_total) / 3, expected))


def test_parts_shards_and_sharpness_aware_steps_come_to_the_whole(still_preset: Path) -> None:
    model = build(still_preset)
    variables, rows = model.network.trainable_variables, batch(model)
    reference = SharpnessAware(gradients(model), variables, 0.1)(*rows)
    model.shards = 2
    assert_same(SharpnessAware(gradients(model, sub_batch=4), variables, 0.1)(*rows), reference)


def test_dropout_draws_other_numbers_for_the_moved_copy_and_a_step_leaves_the_weights(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    rows, old_weights = batch(model), model.network.get_weights()
    objective = AdversarialEmbeddings(model, 1e-6)
    total, _, moves = objective.moves(*rows)
    assert abs(float(objective.moved_loss(moves, *rows)[0] - total)) > 1e-3
    for weight, old_weight in zip(model.network.get_weights(), old_weights, strict=True):
        np.testing.assert_array_equal(weight, old_weight)


@pytest.mark.parametrize(
    "name", ["ranking apart", "tagging by shapes", pytest.param("answering", marks=pytest.mark.slow)]
)
def test_models_of_other_tasks_are_moved_too(still_preset: Path, name: str) -> None:
    model = build_network(still_preset, name, dropout=0)
    ids = rows_of(model, [9, 5, 7], seed=1)
    targets = {
        "ranking apart": tf.constant([0.0, 1.0, 0.5]),
        "tagging by shapes": tf.constant(np.tile([-1, 0, 1, 2, -1, -1, -1, -1, -1], (3, 1)), tf.int32),
        "answering": tf.zeros([3, 2], tf.int32),
    }[name]
    objective = AdversarialEmbeddings(model, 1e-2)
    total, _, moves = objective.moves(ids, targets, tf.ones(3))
    assert all(bool(tf.reduce_all(tf.math.is_finite(move))) for move in moves)
    assert float(objective.moved_loss(moves, ids, targets, tf.ones(3))[0]) > float(total)


def test_an_lstm_is_moved_and_another_network_is_refused(still_preset: Path) -> None:
    model = build(still_preset)
    lstm = LstmClassifier(model.preprocessor, ["a", "b", "c"], embedding_dim=8, units=8, dropout=0.0)
    objective = AdversarialEmbeddings(lstm, 0.1)
    rows = batch(model)
    total, _, moves = objective.moves(*rows)
    assert float(objective.moved_loss(moves, *rows)[0]) > float(total)
    inputs = {"token_ids": keras.Input((None,), dtype="int32", name="token_ids")}
    lstm.network = keras.Model(inputs, keras.ops.cast(inputs["token_ids"], "float32"))
    with pytest.raises(TrainingError, match="does not begin with an embedding"):
        AdversarialEmbeddings(lstm, 0.1)


@pytest.mark.slow
def test_compiled_and_half_precise_networks_are_moved_alike(still_preset: Path) -> None:
    plain_model, compiled_model = build(still_preset), build(still_preset)
    compiled_model.xla = True
    rows = batch(plain_model)
    expected = gradients(plain_model)(*rows)
    assert_same(tf.function(gradients(compiled_model), autograph=False)(*rows), expected)
    settings = ModelSettings(preset=str(still_preset), max_length=16, pooling="mean", dropout=0)
    keras.utils.set_random_seed(3)
    half_precision = build_model("classification", settings, ["a", "b", "c"], dtype="mixed_bfloat16")
    half_precision.network.set_weights(plain_model.network.get_weights())
    _, _, (moves,) = AdversarialEmbeddings(half_precision, EPSILON).moves(*rows)
    _, _, (exact,) = AdversarialEmbeddings(plain_model, EPSILON).moves(*rows)
    assert moves.dtype == tf.float32
    assert float(tf.reduce_sum(moves * exact)) > 0.95 * float(tf.reduce_sum(exact * exact))


@pytest.mark.slow
def test_two_replicas_move_what_one_does(still_preset: Path, two_devices: list[str]) -> None:
    single = build(still_preset)
    single_gradients = gradients(single)(*batch(single))
    strategy = make_strategy("mirrored", devices=two_devices)
    with strategy.scope():
        model = build(still_preset)
    step = gradients(model, strategy=strategy)
    rows = batch(model)

    def replica() -> Any:
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        rows_of_replica = slice(3 * number, 3 * number + 3)
        return step.total(list(step(*(part[rows_of_replica] for part in rows))))

    loss, values = strategy.run(replica)
    local_values = [strategy.experimental_local_results(value)[0] for value in values]
    assert_same(Gradients(strategy.experimental_local_results(loss)[0], local_values), single_gradients)
