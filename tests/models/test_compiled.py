"""Compiled by XLA, networks answer and learn as they do op by op, whatever the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.networks import LENGTH, MODELS, build, rows_of
from tests.toy import toy_text, write_toy_preset
from tfapp.config import ModelSettings
from tfapp.models import BertModel
from tfapp.models.compiled import round_up
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model
from tfapp.training import make_strategy
from tfapp.training.gradients import BatchGradients

# Padded to 32 rows of 32, and of 33 and more to 48 of 48.
ROWS = [[], [9], [3] * 33 + [LENGTH] * 2]
# One of each form of the outputs; the others read their BERT in another way alone.
FORMS = ("pooler", "tagging", "embedding")
PARAMS = [pytest.param(name, marks=() if name in FORMS else pytest.mark.slow) for name in MODELS]


@pytest.fixture(scope="module", params=PARAMS, ids=str)
def model(request: pytest.FixtureRequest, still_preset: Path) -> BertModel:
    return build(still_preset, request.param, dropout=0)


def both(model: BertModel, function: Any, *arguments: Any) -> tuple[Any, Any]:
    """Returns what a function of the model gives op by op, and compiled, both as a graph."""
    results = []
    for model.xla in (False, True):
        # A function of its own, as the same would not be traced again.
        results.append(tf.function(lambda: function(*arguments), autograph=False)())
    model.xla = False
    return results[0], results[1]


@pytest.fixture(scope="module")
def functions(model: BertModel) -> list[Any]:
    """The logits of any rows, op by op and compiled, each traced once."""
    graphs = []
    for model.xla in (False, True):

        def logits(ids: tf.RaggedTensor) -> tf.Tensor:
            return model.logits(ids)

        rows = tf.RaggedTensorSpec([None, None], tf.int32)
        graphs.append(tf.function(logits, autograph=False).get_concrete_function(rows))
    model.xla = False
    return graphs


@pytest.mark.parametrize("lengths", ROWS, ids=lambda lengths: f"{len(lengths)} rows")
def test_it_answers_as_the_network(model: BertModel, functions: list[Any], lengths: list[int]) -> None:
    plain_logits, compiled_logits = (function(rows_of(model, lengths, 1)) for function in functions)
    assert plain_logits.shape == compiled_logits.shape
    np.testing.assert_allclose(compiled_logits, plain_logits, rtol=1e-4, atol=1e-4)


def test_it_learns_as_the_network(model: BertModel) -> None:
    ids = rows_of(model, [9, 4, LENGTH, 2, 17], 1)
    variables = model.network.trainable_variables

    def slope() -> Any:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.sin(model.logits(ids, training=True)))
        # What a CRF has learnt of neighbours takes no part in the logits.
        gradients = tape.gradient(value, [variable.value for variable in variables], unconnected_gradients="zero")
        return [value, *map(tf.convert_to_tensor, gradients)]

    plain_results, compiled_results = both(model, slope)
    for gradient, expected in zip(compiled_results, plain_results, strict=True):
        assert np.isfinite(gradient).all()
        np.testing.assert_allclose(
            gradient, expected, rtol=1e-3, atol=1e-3 * max(1.0, float(tf.reduce_max(tf.abs(expected))))
        )


def test_no_row_is_wider_than_there_are_positions(tmp_path: Path) -> None:
    model = build(write_toy_preset(tmp_path / "short", max_sequence_length=LENGTH + 1, layers=1), "tagging")
    plain_logits, compiled_logits = both(model, model.logits, rows_of(model, [LENGTH + 1, 4], 1))
    np.testing.assert_allclose(compiled_logits, plain_logits, rtol=1e-4, atol=1e-4)


def test_a_text_in_windows(still_preset: Path) -> None:
    settings = ClassificationModelSettings(preset=str(still_preset), max_length=LENGTH, window=16)
    window_model = build_model("classification", settings, ["a", "b"])
    assert isinstance(window_model, BertModel)
    plain_logits, compiled_logits = both(window_model, window_model.logits, rows_of(window_model, [40, 3, 17], 2))
    np.testing.assert_allclose(compiled_logits, plain_logits, atol=1e-5)


def test_vectors_of_layers(toy_preset: Path) -> None:
    model = build(toy_preset, "tagging")
    plain_layers, compiled_layers = both(model, model.trace, rows_of(model, [9, 4, 17], 2))
    for vectors, expected in zip(tf.nest.flatten(compiled_layers), tf.nest.flatten(plain_layers), strict=True):
        assert vectors.shape == expected.shape
        # What stands behind a row nobody reads.
        np.testing.assert_allclose(vectors[0, :9], expected[0, :9], atol=1e-4)


def test_guesses_of_hidden_tokens(still_preset: Path) -> None:
    model = build_model("pretraining", ModelSettings(preset=str(still_preset), max_length=LENGTH), [])
    assert isinstance(model, BertModel)
    ids, splits, targets, _ = model.encode({"text": [toy_text("sport", number) * 2 for number in range(5)]})
    rows = tf.RaggedTensor.from_row_splits(ids, splits)

    def guesses() -> Any:
        return model.evaluation_outputs(rows, tf.constant(targets)), model.logits(rows)

    for plain_guesses, compiled_guesses in zip(*both(model, guesses), strict=True):
        assert plain_guesses.shape == compiled_guesses.shape
        np.testing.assert_allclose(compiled_guesses, plain_guesses, rtol=1e-4, atol=1e-4)
    compute = BatchGradients(
        model, model.network.trainable_variables, make_strategy("none"), batch_loss=model.batch_loss
    )
    plain_guesses, compiled_guesses = both(model, compute, rows, tf.constant(targets), tf.ones(len(targets)))
    np.testing.assert_allclose(compiled_guesses.loss, plain_guesses.loss, rtol=1e-5)
    for guess, expected in zip(compiled_guesses.values, plain_guesses.values, strict=True):
        np.testing.assert_allclose(guess, expected, atol=1e-5)


@given(size=st.integers(0, 1 << 20), least=st.sampled_from([1, 32]))
def test_sizes_are_rounded_to_few(size: int, least: int) -> None:
    rounded_size = int(round_up(size, least))
    assert rounded_size >= max(size, least)
    assert rounded_size == least or rounded_size <= 1.5 * size
    # A power of two, or three times one.
    assert rounded_size & (rounded_size - 1) == 0 or (
        rounded_size % 3 == 0 and (rounded_size // 3) & (rounded_size // 3 - 1) == 0
    )
    assert int(round_up(rounded_size, least)) == rounded_size


def test_forward_and_backward_are_programs_of_xla(still_preset: Path) -> None:
    model = build(still_preset, "pooler")
    model.xla = True
    ids, variable = rows_of(model, [3, 9], 1), model.network.trainable_variables[0]

    @tf.function(autograph=False)
    def slope() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model.logits(ids, training=True))
        return tf.convert_to_tensor(tape.gradient(value, variable.value))

    graph = slope.get_concrete_function().graph.as_graph_def()
    calls = [node for node in graph.node if node.attr["_XlaMustCompile"].b]
    forward, backward = sorted(node.attr["f"].func.name for node in calls)
    assert "forward" in forward
    assert "backward" in backward
    # What is left beside them pads, and cuts.
    assert not [node.op for node in graph.node if node.op in ("MatMul", "Einsum", "BatchMatMulV2")]
