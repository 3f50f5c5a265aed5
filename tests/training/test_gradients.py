"""A batch's gradients: over replicas and in parts they are those of the batch at once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.networks import MODELS, rows_of
from tests.networks import build as build_network
from tests.toy import toy_rows, toy_text
from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.tasks.models import build_model
from tfapp.training import StepPrecision, make_strategy
from tfapp.training.gradients import BatchGradients, Gradients
from tfapp.training.parallel_shards import map_shards, shards_of
from tfapp.training.sharpness_aware import SharpnessAware


def build(preset: Path, task: str, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    settings = ModelSettings(preset=str(preset), max_length=16, pooling="mean", **changes)
    return build_model(task, settings, ["money", "sport", "tech"])


def batch(model: TaskModel, task: str) -> tuple[tf.RaggedTensor, tf.Tensor, tf.Tensor]:
    """Eight rows, one of which does not count."""
    if task == "embedding":
        columns: dict[str, Any] = {
            # Two rows have the same query, two the same candidate.
            "query": [toy_text("sport", max(row, 1)) for row in range(8)],
            "candidate": [toy_text("tech", min(row, 6)) for row in range(8)],
            "negative": [toy_text("money", row) if row % 3 else "" for row in range(8)],
        }
    else:
        rows = toy_rows(8)
        columns = {name: [row[name] for row in rows] for name in ("text", "label")}
    ids, splits, targets, _ = model.encode(columns)
    weights = tf.constant([1, 1, 0, 1, 1, 1, 1, 1], tf.float32)
    return tf.RaggedTensor.from_row_splits(ids, splits), tf.constant(targets), weights


def random_states(model: TaskModel) -> list[np.ndarray]:
    weights = {id(weight) for weight in model.network.weights}
    return [variable.numpy() for variable in model.network.variables if id(variable) not in weights]


def gradients(model: TaskModel, strategy: Any, sub_batch: int | None) -> BatchGradients:
    variables = model.network.trainable_variables
    return BatchGradients(model, variables, strategy, batch_loss=model.batch_loss, sub_batch=sub_batch)


def compute(model: TaskModel, task: str, sub_batch: int | None, *, graph: bool = False) -> Gradients:
    step = gradients(model, make_strategy("none"), sub_batch)
    return (tf.function(step, autograph=False) if graph else step)(*batch(model, task))


def assert_same(gradients: Gradients, reference: Gradients) -> None:
    np.testing.assert_allclose(gradients.loss, reference.loss, rtol=1e-6)
    assert max(float(tf.reduce_max(tf.abs(value))) for value in reference.values) > 1e-3
    for value, expected in zip(gradients.values, reference.values, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-5)


@pytest.mark.parametrize(("task", "sub_batch"), [("classification", 3), ("embedding", 3), ("embedding", 20)])
def test_parts_come_to_the_whole(still_preset: Path, task: str, sub_batch: int) -> None:
    assert_same(*(compute(build(still_preset, task, dropout=0), task, size) for size in (sub_batch, None)))


@pytest.mark.parametrize(
    ("task", "sub_batch"),
    [("classification", None), ("classification", 4), pytest.param("embedding", 5, marks=pytest.mark.slow)],
)
def test_parts_side_by_side_come_to_the_whole(still_preset: Path, task: str, sub_batch: int | None) -> None:
    single_model, sharded_model = build(still_preset, task, dropout=0), build(still_preset, task, dropout=0)
    sharded_model.shards = 2 if sub_batch else 3
    assert_same(compute(sharded_model, task, sub_batch, graph=task == "embedding"), compute(single_model, task, None))


@pytest.mark.parametrize("name", MODELS)
def test_fewer_rows_than_parts_are_no_error(still_preset: Path, name: str) -> None:
    model = build_network(still_preset, name, dropout=0)
    shard_logits = [model.logits(*part) for part in shards_of(3, rows_of(model, [9, 4], 1))]
    assert [len(logits) for logits in shard_logits] == [0, 1, 1]
    for logits in shard_logits:
        np.testing.assert_allclose(model.soft_loss(logits, logits, 1.0), np.zeros(len(logits)), atol=1e-5)


def test_a_part_without_a_hidden_token_counts_none(still_preset: Path) -> None:
    settings = ModelSettings(preset=str(still_preset), max_length=16)
    single_model, sharded_model = (build_model("pretraining", settings, []) for _ in range(2))
    sharded_model.network.set_weights(single_model.network.get_weights())
    sharded_model.shards = 3
    ids, splits, targets, _ = single_model.encode({"text": [toy_text("sport", 1)]})
    rows = tf.RaggedTensor.from_row_splits(ids, splits), tf.constant(targets), tf.ones(len(targets))
    assert_same(
        gradients(sharded_model, make_strategy("none"), None)(*rows),
        gradients(single_model, make_strategy("none"), None)(*rows),
    )
    nothing = rows[0], tf.fill(targets.shape, -1), rows[2]
    assert float(gradients(sharded_model, make_strategy("none"), 1)(*nothing).loss) == 0


@pytest.mark.parametrize(("task", "shards"), [("classification", 2), ("embedding", 2)])
def test_dropout_draws_the_same_numbers_when_a_part_is_run_again(shallow_preset: Path, task: str, shards: int) -> None:
    """The gradients are those of one tape over all parts, which needs the memory of the whole batch."""
    plain_model, model = build(shallow_preset, task), build(shallow_preset, task)
    model.shards = shards
    ids, targets, weights = batch(plain_model, task)
    variables = [variable.value for variable in plain_model.network.trainable_variables]
    learn = partial(plain_model.logits, training=True)
    with tf.GradientTape() as tape:
        parts = [map_shards(shards, learn, ids[start : start + 3]) for start in (0, 3, 6)]
        logits = tf.concat(parts, axis=0)
        loss = tf.reduce_sum(plain_model.loss(targets, logits) * weights) / 7
    expected = [tf.convert_to_tensor(value) for value in tape.gradient(loss, variables)]
    assert_same(compute(model, task, 3, graph=task == "embedding"), Gradients(loss, expected))
    # The next step draws others, and those that it would draw without a cache.
    for state, plain_state in zip(random_states(model), random_states(plain_model), strict=True):
        np.testing.assert_array_equal(state, plain_state)
    assert abs(float(compute(model, task, 3).loss) - float(loss)) > 1e-4


RHO = 0.5


def sharpness_aware(model: TaskModel, strategy: Any, sub_batch: int | None = None) -> SharpnessAware:
    return SharpnessAware(gradients(model, strategy, sub_batch), model.network.trainable_variables, RHO)


@pytest.mark.parametrize(("task", "sub_batch"), [("classification", None), ("embedding", 3)])
def test_sharpness_aware_gradients_are_those_a_step_up_the_gradient(
    still_preset: Path, task: str, sub_batch: int | None
) -> None:
    model, twin = build(still_preset, task, dropout=0), build(still_preset, task, dropout=0)
    old_weights = model.network.get_weights()
    gradients = sharpness_aware(model, make_strategy("none"), sub_batch)(*batch(model, task))
    for weight, old_weight in zip(model.network.get_weights(), old_weights, strict=True):
        np.testing.assert_array_equal(weight, old_weight)

    first_gradients = compute(twin, task, None)
    norm = np.sqrt(sum(float(np.sum(np.square(value))) for value in first_gradients.values))
    for variable, value in zip(twin.network.trainable_variables, first_gradients.values, strict=True):
        variable.assign_add(RHO / norm * value)
    second_gradients = compute(twin, task, None)
    assert float(second_gradients.loss) > float(first_gradients.loss)
    assert_same(gradients, Gradients(first_gradients.loss, second_gradients.values))


@pytest.mark.parametrize("task", ["classification", pytest.param("embedding", marks=pytest.mark.slow)])
def test_compiled_parts_come_to_the_whole(still_preset: Path, task: str) -> None:
    compiled_model, plain_model = build(still_preset, task, dropout=0), build(still_preset, task, dropout=0)
    compiled_model.xla = True
    strategy = make_strategy("none")
    gradients = tf.function(sharpness_aware(compiled_model, strategy, 3), autograph=False)(*batch(compiled_model, task))
    assert_same(gradients, sharpness_aware(plain_model, strategy)(*batch(plain_model, task)))


@pytest.mark.usefixtures("graph_optimizer")
def test_steps_in_bfloat16_put_the_weights_back_exactly(still_preset: Path) -> None:
    model = build(still_preset, "classification")
    old_weights = model.network.get_weights()
    with StepPrecision(rewrite=True).scope():
        tf.function(sharpness_aware(model, make_strategy("none")), autograph=False)(*batch(model, "classification"))
    for weight, old_weight in zip(model.network.get_weights(), old_weights, strict=True):
        np.testing.assert_array_equal(weight, old_weight)


@pytest.mark.slow
def test_two_replicas_compare_what_one_does(still_preset: Path, two_devices: list[str]) -> None:
    """Both see the same texts: at the weights as they are, for the loss and the way up, and where the loss is worst."""
    single = build(still_preset, "embedding")
    single_gradients = sharpness_aware(single, make_strategy("none"))(*batch(single, "embedding"))
    strategy = make_strategy("mirrored", devices=two_devices)
    with strategy.scope():
        model = build(still_preset, "embedding")
    step = sharpness_aware(model, strategy, 3)
    total = gradients(model, strategy, None).total
    ids, targets, weights = batch(model, "embedding")

    def share(context: Any) -> Any:
        rows = slice(4 * context.replica_id_in_sync_group, 4 * context.replica_id_in_sync_group + 4)
        return ids[rows], targets[rows], weights[rows]

    def replica() -> Any:
        return total(list(step(*share(tf.distribute.get_replica_context()))))

    old_weights = single.network.get_weights()
    loss, values = strategy.run(replica)
    for variable, old_weight in zip(model.network.weights, old_weights, strict=True):
        for copy in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(copy, old_weight)
    local_values = [strategy.experimental_local_results(value)[0] for value in values]
    assert_same(Gradients(strategy.experimental_local_results(loss)[0], local_values), single_gradients)
