"""Pairs that are read apart: split as they were tokenized, compared as the formulas say, the same when exported."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toy import VOCABULARY
from tfapp.config import ModelSettings
from tfapp.models import BertModel, Embedder, Preprocessor
from tfapp.models.text_pairs import PairComparison
from tfapp.tasks.models import build_model

PREPROCESSOR = Preprocessor(VOCABULARY, lowercase=True, max_length=64)
TEXTS = st.lists(st.sampled_from(["ball", "goal", "[SEP]", "[CLS]", "zzz", ","]), max_size=7).map(" ".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5))
def test_the_texts_of_pairs_are_those_that_are_tokenized_alone(pairs: list[tuple[str, str]]) -> None:
    ids = PREPROCESSOR(*(tf.constant([pair[place] for pair in pairs], tf.string) for place in range(2)))
    split = PREPROCESSOR.split_pairs(ids)
    single_texts = PREPROCESSOR(tf.constant([text for pair in pairs for text in pair], tf.string))
    assert split.to_list() == single_texts.to_list()


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@pytest.mark.parametrize("count", [0, 1, 2, 6, 7])
def test_vectors_are_compared_as_the_formulas_say(count: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32)
    u, v = (unit(vectors[place : 2 * (count // 2) : 2]) * np.sqrt(8) for place in range(2))
    expected = np.concatenate([u, v, np.abs(u - v), u * v], axis=-1)
    np.testing.assert_allclose(PairComparison("features")(vectors), expected, atol=1e-5)
    np.testing.assert_allclose(PairComparison("cosine")(vectors), (u * v).mean(-1, keepdims=True), atol=1e-6)


def build(preset: Path, task: str) -> BertModel:
    keras.utils.set_random_seed(3)
    changes = ModelSettings(preset=str(preset), max_length=16, pooling="mean", pair_encoder="bi")
    model = build_model(task, changes, ["0", "1"])
    assert isinstance(model, BertModel)
    return model


def test_an_untrained_ranker_has_the_order_of_the_embeddings(shallow_preset: Path) -> None:
    model = build(shallow_preset, "ranking")
    queries, candidates = ["the ball", "bank tax", ""], ["a goal", "price", "team"]
    logits = model.logits(model.preprocessor(tf.constant(queries), tf.constant(candidates))).numpy()
    embedder = Embedder(model.backbone, model.preprocessor)
    u, v = (embedder.logits(model.preprocessor(tf.constant(texts)))[:, 0].numpy() for texts in (queries, candidates))
    np.testing.assert_allclose(logits, ((u * v).sum(-1) - 0.5) / 0.05, atol=1e-4)


@pytest.mark.parametrize("task", ["ranking", "pair-classification", "pair-regression"])
def test_what_the_head_reads_gives_the_logits(shallow_preset: Path, task: str) -> None:
    model = build(shallow_preset, task)
    ids = model.preprocessor(tf.constant(["the ball", "tax"]), tf.constant(["goal", ""]))
    kernel, bias = model.head.get_weights()
    features = model.features(ids).numpy()
    np.testing.assert_allclose(model.logits(ids).numpy().reshape(2, -1), features @ kernel + bias, atol=1e-4)


def test_the_second_text_stands_where_it_stands_alone(shallow_preset: Path) -> None:
    """Whatever the first one's length, the second is read from the first position on."""
    model = build(shallow_preset, "pair-classification")
    width = int(model.backbone.hidden_dim)
    firsts = tf.constant(["ball", "ball goal team tax"])
    features = model.features(model.preprocessor(firsts, tf.constant(["bank price"] * 2))).numpy()
    np.testing.assert_allclose(features[0, width : 2 * width], features[1, width : 2 * width], atol=1e-5)
    assert not np.allclose(features[0, :width], features[1, :width], atol=1e-3)
