"""The packed encoder computes what the Keras network computes, for every task, whatever the rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.networks import LENGTH, MODELS, build, rows_of
from tests.toy import VOCABULARY, write_toy_preset
from tfapp.config import ModelSettings
from tfapp.models import BertModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.savedmodel.encoder import PackedEncoder
from tfapp.savedmodel.layers import PRECISIONS
from tfapp.tasks.models import build_model


def compiled(function: Callable[[tf.RaggedTensor], tf.Tensor]) -> Callable[[tf.RaggedTensor], tf.Tensor]:
    return tf.function(function, input_signature=[tf.RaggedTensorSpec([None, None], tf.int32)], autograph=False)


@pytest.fixture(scope="module", params=MODELS, ids=str)
def pair(request: pytest.FixtureRequest, toy_preset: Path) -> tuple[BertModel, Any, Any]:
    """A model, its logits, and those of its encoder, in small sub-batches."""
    model = build(toy_preset, request.param)
    packed_model = model.with_inference(PackedEncoder(model, tokens=70))
    return model, compiled(model.logits), compiled(packed_model.logits)


def real_part(logits: np.ndarray, length: int) -> np.ndarray:
    """A row's logits, those of its tokens alone where each has some."""
    return logits[:length] if logits.ndim == 2 else logits


LENGTHS = st.lists(st.one_of(st.integers(2, 6), st.integers(2, LENGTH)), max_size=24)


@settings(max_examples=10)
@given(lengths=LENGTHS, seed=st.integers(0, 99))
def test_it_computes_what_the_network_computes(pair: tuple[BertModel, Any, Any], lengths: list[int], seed: int) -> None:
    model, plain_logits, packed_logits = pair
    ids = rows_of(model, lengths, seed)
    expected, actual = plain_logits(ids).numpy(), packed_logits(ids).numpy()
    if expected.ndim == 3:
        # Behind a row there is nothing to compare.
        real = np.arange(expected.shape[1]) < np.array(lengths, int)[:, None]
        expected, actual = expected[real], actual[real[:, : actual.shape[1]]]
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=1e-4)


@pytest.mark.parametrize(
    "lengths", [[], [2], [5], [13], [37], [LENGTH], [2] * 300, [LENGTH, 2], [3] * 40 + [LENGTH] * 20]
)
def test_no_row_one_row_and_many(pair: tuple[BertModel, Any, Any], lengths: list[int]) -> None:
    model, plain_logits, packed_logits = pair
    ids = rows_of(model, lengths, 1)
    expected, actual = plain_logits(ids).numpy(), packed_logits(ids).numpy()
    assert len(actual) == len(expected) == len(lengths)
    for vectors, reference, length in zip(actual, expected, lengths, strict=True):
        np.testing.assert_allclose(real_part(vectors, length), real_part(reference, length), atol=1e-4)


def test_its_features_are_what_the_head_reads(pair: tuple[BertModel, Any, Any]) -> None:
    model, _, _ = pair
    if model.head is None:
        return
    ids = rows_of(model, [9, 4, LENGTH, 2, 17], 3)
    encoder = PackedEncoder(model, tokens=70)
    twin = model.with_inference(encoder, encoder.features)
    np.testing.assert_allclose(twin.features(ids), model.features(ids), atol=1e-4)
    assert twin.features(ids[:0]).shape == model.features(ids[:0]).shape


def test_rows_tell_each_other_nothing(pair: tuple[BertModel, Any, Any]) -> None:
    model, _, packed_logits = pair
    ids = rows_of(model, [9, 4, LENGTH, 2, 17], 3)
    batch_logits = packed_logits(ids).numpy()
    for row in range(5):
        single_row = packed_logits(ids[row : row + 1]).numpy()[0]
        np.testing.assert_allclose(real_part(batch_logits[row], len(ids[row])), single_row, atol=1e-5)


def chosen_among(name: str, logits: np.ndarray) -> np.ndarray:
    """Rows of numbers, of each of which a model chooses the greatest."""
    if name == "answering":
        # Start and end are chosen among the tokens.
        logits = np.swapaxes(np.where(logits < -1e8, -100, logits), 1, 2)
    return logits.reshape(-1, logits.shape[-1])


def check_fewer_bits(pair: tuple[BertModel, Any, Any], name: str, precision: str) -> None:
    """Checks that what float32 is sure of is chosen by fewer bits, too."""
    model, plain_logits, _ = pair
    half_logits = compiled(model.with_inference(PackedEncoder(model, precision=PRECISIONS[precision])).logits)
    ids = rows_of(model, [5, 2, 30, 11] * 5, 5)
    expected, actual = (function(ids).numpy() for function in (plain_logits, half_logits))
    assert actual.dtype == np.float32
    if name.startswith("ranking") or name.startswith("embedding"):
        np.testing.assert_allclose(actual, expected, atol=0.1 * np.abs(expected).max())
        return
    # The one may be padded further.
    width = expected.shape[1] if expected.ndim == 3 else None
    expected, actual = chosen_among(name, expected), chosen_among(name, actual[:, :width] if width else actual)
    # Behind a text all are 0.
    real = np.abs(expected).sum(axis=-1) > 0
    expected, actual = expected[real], actual[real]
    sorted_values = np.sort(expected, axis=-1)
    sure = sorted_values[:, -1] - sorted_values[:, -2] > 0.1 * np.abs(expected[expected > -100]).max()
    assert sure.mean() > 0.2
    assert (expected.argmax(-1) == actual.argmax(-1))[sure].all()


def test_fewer_bits_choose_as_float32_where_that_is_sure(
    pair: tuple[BertModel, Any, Any], request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.params["pair"]
    check_fewer_bits(pair, name, "bfloat16")
    if name in {"pooler", "tagging"}:
        check_fewer_bits(pair, name, "int8")


def test_a_head_count_that_does_not_divide_is_computed_whole(tmp_path: Path) -> None:
    import keras_hub

    keras.utils.set_random_seed(3)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY), num_layers=1, num_heads=3, hidden_dim=24, intermediate_dim=36
    )
    backbone.save_to_preset(str(tmp_path))
    keras_hub.models.BertTokenizer(VOCABULARY, lowercase=True).save_to_preset(str(tmp_path))
    model = build(tmp_path, "mean")
    ids = rows_of(model, [5, 2, 30], 5)
    np.testing.assert_allclose(PackedEncoder(model)(ids), model.logits(ids), atol=1e-4)


def test_a_bert_of_few_positions_reads_batches_of_any_size(tmp_path: Path) -> None:
    """The padding of a batch to a multiple of tokens may be longer than the network's position table."""
    preset = write_toy_preset(tmp_path / "short", max_sequence_length=9)
    keras.utils.set_random_seed(7)
    model = build_model("classification", ModelSettings(preset=str(preset), max_length=9, pooling="mean"), ["a", "b"])
    assert isinstance(model, BertModel)
    packed_model = model.with_inference(PackedEncoder(model))
    for lengths in ([9, 8], [9, 9, 3], [2, 2], [5, 4, 9, 9]):
        ids = rows_of(model, lengths, 0)
        np.testing.assert_allclose(packed_model.logits(ids), model.logits(ids), atol=1e-4)


def test_what_answers_instead_of_a_network_answers_logits_only(toy_preset: Path) -> None:
    model = build(toy_preset, "mean")
    twin = model.with_inference(PackedEncoder(model))
    ids = rows_of(model, [7, 3], 0)
    np.testing.assert_allclose(twin.features(ids), model.features(ids), atol=1e-5)
    logits, states = twin.trace(ids)
    assert len(states) == len(model.backbone.transformer_layers)
    np.testing.assert_allclose(logits, model.logits(ids), atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_every_precision_takes_the_temperature(shallow_preset: Path, precision: str) -> None:
    keras.utils.set_random_seed(2)
    model = build_model("classification", ModelSettings(preset=str(shallow_preset), max_length=16), ["a", "b", "c"])
    assert isinstance(model, BertModel)
    model.calibrate(TemperatureScaling((0.4,), 300, ""))
    packed_model = model.with_inference(PackedEncoder(model, precision=PRECISIONS[precision]))
    logits = packed_model.logits(packed_model.preprocessor(tf.constant(["the ball", "bank"])))
    answers = packed_model.predict_text({"text": tf.constant(["the ball", "bank"])})
    np.testing.assert_allclose(answers["probabilities"], tf.nn.softmax(logits / 0.4), atol=1e-5)
