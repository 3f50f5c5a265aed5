"""SimCSE: its loss by hand, what it learns from, and what it is evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.toy import VOCABULARY, toy_rows
from tfapp.errors import ModelError
from tfapp.models import load_preset
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.pretraining.settings import PretrainingModelSettings
from tfapp.tasks.pretraining.simcse import SimCse, self_retrieval

TEXTS = [row["text"] for row in toy_rows(12)]


def build(preset: Path) -> SimCse:
    settings = PretrainingModelSettings(preset=str(preset), kind="simcse", max_length=16)
    model = build_model("pretraining", settings, ())
    assert isinstance(model, SimCse)
    return model


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> SimCse:
    return build(shallow_preset)


def test_a_config_of_before_is_read(model: SimCse) -> None:
    # When `symmetric` was a setting of all models of vectors.
    config = model.config() | {"symmetric": False}
    assert SimCse.from_config(config, model.preprocessor, dtype="float32").config() == model.config()


def test_the_loss_is_that_of_the_paper(model: SimCse) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(5, 2, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    codes = np.stack([np.arange(5)] * 2, axis=1).astype(np.int32)
    expected = []
    for i in range(5):
        terms = [np.exp(np.dot(vectors[i, 0], vectors[j, 1]) / 0.05) for j in range(5)]
        expected.append(-np.log(terms[i] / sum(terms)))
    np.testing.assert_allclose(model.loss(tf.constant(codes), tf.constant(vectors)), expected, rtol=1e-4, atol=1e-6)


def test_a_text_is_read_twice_with_other_dropout(model: SimCse) -> None:
    ids, splits, targets, _ = model.encode({"text": TEXTS})
    doubles, _ = model.resample(ids, splits, targets, np.random.default_rng(0))
    rows = tf.RaggedTensor.from_row_splits(doubles, splits)
    for row in rows:
        first, second = np.split(row.numpy(), 2)
        np.testing.assert_array_equal(first, second)
    in_training, in_inference = (model.logits(rows, training=training).numpy() for training in (True, False))
    assert np.abs(in_training[:, 0] - in_training[:, 1]).max() > 1e-3
    np.testing.assert_allclose(in_inference[:, 0], in_inference[:, 1], atol=1e-6)


def test_evaluations_look_for_texts_by_what_is_left_of_them(model: SimCse) -> None:
    ids, splits, targets, _ = model.encode({"text": [*TEXTS, TEXTS[0]]})
    repeat = model.encode({"text": [*TEXTS, TEXTS[0]]})
    np.testing.assert_array_equal(ids, repeat.ids)
    queries = [np.split(row.numpy(), 2) for row in tf.RaggedTensor.from_row_splits(ids, splits)]
    mask = VOCABULARY.index("[MASK]")
    share = np.mean(np.concatenate([query == mask for query, _ in queries]))
    assert 0.1 < share < 0.4
    for query, text in queries:
        assert mask not in text
        np.testing.assert_array_equal(np.where(query == mask, text, query), text)
    assert targets[0].tolist() == targets[-1].tolist()
    vectors = np.eye(13, dtype=np.float32)[:, None].repeat(2, axis=1)
    vectors[-1] = vectors[0]
    vectors[3, 0] = vectors[4, 1]
    losses, right, counts = self_retrieval(vectors, targets, 0.05, block=30).T
    # One and the same text twice is one candidate.
    assert right.tolist() == [number != 3 for number in range(13)]
    assert counts.sum() == 13
    assert losses[0] == pytest.approx(np.log(1 + 11 * np.exp(-20)), abs=1e-6)
    assert losses[3] == pytest.approx(20 + np.log(1 + 11 * np.exp(-20)), abs=1e-6)


def test_it_leaves_the_preset_with_the_pooler_as_it_came(model: SimCse, shallow_preset: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    loaded_model = load_model(tmp_path / "model")
    loaded_model.write_products(tmp_path)
    pooler, original = (
        load_preset(str(folder)).backbone().pooled_dense.get_weights()
        for folder in (tmp_path / "preset", shallow_preset)
    )
    for weight, expected in zip(pooler, original, strict=True):
        np.testing.assert_array_equal(weight, expected)
    rows = tf.RaggedTensor.from_row_splits(*model.encode({"text": TEXTS})[:2])
    np.testing.assert_allclose(loaded_model.logits(rows), model.logits(rows), atol=1e-5)


def test_without_dropout_there_is_nothing_to_tell_apart(still_preset: Path) -> None:
    with pytest.raises(ModelError, match="its dropout is 0, but simcse"):
        build(still_preset)
