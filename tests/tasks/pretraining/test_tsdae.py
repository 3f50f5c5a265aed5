"""TSDAE: what is deleted, what the decoder sees, and its loss by a reference in NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.toy import VOCABULARY, toy_rows, write_toy_preset
from tfapp.errors import SettingsError
from tfapp.models import load_preset
from tfapp.models.backbones import layer_parts
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.pretraining.settings import PretrainingModelSettings
from tfapp.tasks.pretraining.tsdae import Tsdae, delete_words
from tfapp.training.adaptation import Adaptation

TEXTS = [row["text"] for row in toy_rows(12)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Tsdae:
    preset = write_toy_preset(tmp_path_factory.mktemp("presets") / "still", dropout=0.0)
    settings = PretrainingModelSettings(preset=str(preset), kind="tsdae", max_length=16, pooling="mean")
    model = build_model("pretraining", settings, ())
    assert isinstance(model, Tsdae)
    # Random weights make much the same of every token; wider ones tell them apart.
    for number, weight in enumerate(model.network.trainable_weights):
        weight.assign(weight + 0.1 * np.random.default_rng(number).normal(size=weight.shape))
    return model


def test_words_go_with_all_their_pieces_and_one_stays() -> None:
    pieces = ["[CLS]", "b", "##a", "##l", "goal", "[UNK]", "x", "##y", "[SEP]"]
    ids = np.tile(np.array([VOCABULARY.index(piece) for piece in pieces], np.int32), 400)
    splits = np.arange(0, len(ids) + 1, len(pieces), dtype=np.int64)
    stays = delete_words(ids, splits, VOCABULARY, 0.6, np.random.default_rng(0)).reshape(400, -1)
    assert stays[:, [0, 5, 8]].all()
    assert (stays[:, 1] == stays[:, 2]).all()
    assert (stays[:, 2] == stays[:, 3]).all()
    assert (stays[:, 6] == stays[:, 7]).all()
    words = stays[:, [1, 4, 6]]
    assert words.any(axis=1).all()
    # Each word goes with a chance of .6, but the last one of a text: .6 - .6^3 / 3 of them.
    assert 1 - words.mean() == pytest.approx(0.6 - 0.6**3 / 3, abs=0.04)
    empty = np.array([VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")], np.int32)
    assert delete_words(empty, np.array([0, 2]), VOCABULARY, 0.6, np.random.default_rng(0)).all()


def _norm(values: np.ndarray, layer: Any) -> np.ndarray:
    scale, shift = layer.get_weights()
    deviations = values - values.mean(axis=-1, keepdims=True)
    return scale * deviations / np.sqrt(values.var(axis=-1, keepdims=True) + 1e-12) + shift


def _gelu(values: np.ndarray) -> np.ndarray:
    return 0.5 * values * (1 + np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def reference_loss(model: Tsdae, ids: np.ndarray, mask: np.ndarray) -> float:
    """The summed loss of one text without dropout, the decoder with its cross-attention to one key written out."""
    backbone = model.backbone
    inputs = {"token_ids": ids[None, mask], "segment_ids": np.zeros((1, mask.sum()), int)}
    states = backbone(inputs | {"padding_mask": np.ones_like(inputs["segment_ids"])})["sequence_output"].numpy()
    vector = states[0].mean(axis=0)
    table = np.asarray(backbone.token_embedding.embeddings)
    hidden_states = table[ids] + np.asarray(backbone.position_embedding.position_embeddings)[: len(ids)]
    hidden_states = _norm(
        hidden_states + np.asarray(backbone.segment_embedding.embeddings)[0], backbone.embeddings_layer_norm
    )
    causal = np.where(np.tri(len(ids), dtype=bool), 0, -np.inf)
    for number, layer in enumerate(backbone.transformer_layers):
        parts = layer_parts(layer)
        queries, keys, values = (
            np.einsum("th,hnd->ntd", hidden_states, dense.get_weights()[0]) + dense.get_weights()[1][:, None]
            for dense in (parts.query, parts.key, parts.value)
        )
        weights = _softmax(queries @ keys.transpose(0, 2, 1) / np.sqrt(queries.shape[-1]) + causal)
        kernel, bias = parts.attention_output.get_weights()
        hidden_states = _norm(
            hidden_states + np.einsum("ntd,ndh->th", weights @ values, kernel) + bias, parts.attention_norm
        )
        attend = model.network.get_layer(f"decoder_layer_{number}")
        (value, value_bias), (output, output_bias) = attend.value.get_weights(), attend.projection.get_weights()
        hidden_states = _norm(hidden_states + (vector @ value + value_bias) @ output + output_bias, attend.norm)
        (inner, inner_bias), (outer, outer_bias) = parts.intermediate.get_weights(), parts.output.get_weights()
        hidden_states = _norm(
            hidden_states + _gelu(hidden_states @ inner + inner_bias) @ outer + outer_bias, parts.output_norm
        )
    head = model.network.get_layer("prediction")
    kernel, bias = head._intermediate_dense.get_weights()
    logits = _norm(_gelu(hidden_states @ kernel + bias), head._intermediate_layer_norm) @ table.T + np.asarray(
        head._bias
    )
    chances = _softmax(logits[:-1])
    return float(-np.log(chances[np.arange(len(ids) - 1), ids[1:]]).sum())


def test_the_loss_is_that_of_the_paper(model: Tsdae) -> None:
    ids, splits, targets, _ = model.encode({"text": TEXTS[:4]})
    rows = tf.RaggedTensor.from_row_splits(ids, splits)
    sums = model.evaluation_outputs(rows, tf.constant(targets)).numpy()
    np.testing.assert_array_equal(sums[:, 2], np.diff(splits) - 1)
    expected = [
        reference_loss(model, row.numpy(), target[: len(row)] > 0) for row, target in zip(rows, targets, strict=True)
    ]
    np.testing.assert_allclose(sums[:, 0], expected, rtol=1e-4)
    total, count = model.batch_loss(rows, tf.constant(targets), tf.constant([0.0, 1.0, 1.0, 1.0]))
    assert float(total) / float(count) == pytest.approx(sum(expected[1:]) / sums[1:, 2].sum(), rel=1e-4)


def test_the_decoder_sees_what_was_deleted_in_no_other_way_than_by_the_vector(model: Tsdae) -> None:
    ids, splits, targets, _ = model.encode({"text": [TEXTS[0]]})
    rows = tf.RaggedTensor.from_row_splits(ids, splits)
    everything = model.evaluation_outputs(rows, tf.ones_like(targets)).numpy()
    assert np.abs(everything - model.evaluation_outputs(rows, tf.constant(targets)).numpy())[0, 0] > 1e-3
    # Neither the last token nor what the vector does not hold changes what comes before it.
    other_rows = tf.RaggedTensor.from_row_splits(np.append(ids[:-1], VOCABULARY.index("goal")).astype(np.int32), splits)
    first_logits, second_logits = (
        model.network(
            {
                **model.pad(rows),
                "whole_ids": model.pad(sample)["token_ids"],
                "whole_mask": model.pad(sample)["padding_mask"],
            }
        )["logits"].numpy()
        for sample in (rows, other_rows)
    )
    np.testing.assert_allclose(first_logits[0, :-1], second_logits[0, :-1], atol=1e-5)
    assert np.abs(first_logits[0, -1] - second_logits[0, -1]).max() > 1e-3


def test_each_epoch_deletes_other_words_and_no_texts_are_evaluated_too(model: Tsdae) -> None:
    ids, splits, targets, _ = model.encode({"text": TEXTS})
    epochs = [model.resample(ids, splits, targets, np.random.default_rng([0, epoch])) for epoch in (0, 0, 1)]
    for inputs, _ in epochs:
        np.testing.assert_array_equal(inputs, ids)
    np.testing.assert_array_equal(epochs[0][1], epochs[1][1])
    assert (epochs[0][1] != epochs[2][1]).any()
    nothing = tf.RaggedTensor.from_row_splits(tf.zeros([0], tf.int32), tf.zeros([1], tf.int64))
    assert model.evaluation_outputs(nothing, tf.zeros([0, 16], tf.int32)).shape == (0, 3)


def test_in_half_precision_logits_and_weights_stay_whole(still_preset: Path) -> None:
    settings = PretrainingModelSettings(preset=str(still_preset), kind="tsdae", max_length=16)
    full_precision, half_precision = (
        build_model("pretraining", settings, (), dtype=dtype) for dtype in ("float32", "mixed_bfloat16")
    )
    half_precision.network.set_weights(full_precision.network.get_weights())
    ids, splits, targets, _ = full_precision.encode({"text": TEXTS})
    rows = tf.RaggedTensor.from_row_splits(ids, splits)
    sums = [model.evaluation_outputs(rows, tf.constant(targets)).numpy() for model in (full_precision, half_precision)]
    np.testing.assert_allclose(sums[0][:, 0], sums[1][:, 0], rtol=0.05)
    assert {weight.dtype for weight in half_precision.network.weights} == {"float32"}
    assert half_precision.network.output["logits"].dtype == "float32"


def test_saved_and_loaded_it_is_the_same_and_its_preset_too(model: Tsdae, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded_model = load_model(tmp_path / "model")
    for weight, expected in zip(model.network.weights, loaded_model.network.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected.numpy())
    loaded_model.write_products(tmp_path)
    preset = load_preset(str(tmp_path / "preset")).backbone()
    for weight, expected in zip(model.backbone.weights, preset.weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), expected.numpy(), atol=1e-7)


@pytest.mark.parametrize("kind", ["simcse", "tsdae"])
def test_its_layers_are_pretrained_ones(model: Tsdae, kind: str) -> None:
    values: dict[str, Any] = {"name": "toy", "task": "pretraining", "data": {"train": "x"}, "model": {"kind": kind}}
    experiment = parse_experiment(values | {"training": {"layer_decay": 0.5}})
    adaptation = Adaptation(model, experiment.training)
    scales = {variable.path: adaptation.scale(variable) for variable in model.network.trainable_variables}
    assert scales["token_embedding/embeddings"] == 0.5 ** (model.backbone.num_layers + 1)
    assert scales["value/kernel"] == 1
    with pytest.raises(SettingsError, match="pretraining changes every weight; use adapt all"):
        parse_experiment(values | {"training": {"adapt": "lora"}})
