"""The embedder: vectors of length 1, the same in any batch; pooling, and which texts are the same to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import ModelError
from tfapp.models import Embedder
from tfapp.tasks.embedding.settings import EmbeddingModelSettings
from tfapp.tasks.models import build_model

TEXTS = ["the ball", "", "bank price stock tax trade profit", "a goal", "phone", "the ball"]


def build(preset: Path, **changes: Any) -> Embedder:
    keras.utils.set_random_seed(5)
    model = build_model("embedding", EmbeddingModelSettings(preset=str(preset), **{"max_length": 16} | changes), ())
    assert isinstance(model, Embedder)
    return model


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> Embedder:
    return build(shallow_preset)


def vectors(model: Embedder, texts: list[str]) -> np.ndarray:
    embeddings: np.ndarray = model.predict_text({"text": tf.constant(texts, tf.string)})["embedding"].numpy()
    return embeddings


def test_a_text_has_one_vector_in_any_company(model: Embedder) -> None:
    batch_vectors = vectors(model, TEXTS)
    np.testing.assert_allclose(np.linalg.norm(batch_vectors, axis=1), 1.0, atol=1e-6)
    rows = np.concatenate([vectors(model, [text]) for text in TEXTS])
    np.testing.assert_allclose(batch_vectors, rows, atol=1e-5)
    assert np.abs(batch_vectors[0] - batch_vectors[2]).max() > 0.01
    assert vectors(model, []).shape == (0, 32)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_it_pools_the_last_layer(shallow_preset: Path, pooling: str) -> None:
    model = build(shallow_preset, pooling=pooling)
    inputs = model.preprocessor.pad(model.preprocessor(tf.constant(TEXTS[:3])))
    tokens = model.backbone(inputs)["sequence_output"].numpy()
    real = inputs["padding_mask"].numpy().astype(bool)
    pools = {"mean": lambda t: t.mean(axis=0), "max": lambda t: t.max(axis=0), "cls": lambda t: t[0]}
    expected = np.stack([pools[pooling](row[mask]) for row, mask in zip(tokens, real, strict=True)])
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors(model, TEXTS[:3]), expected, atol=1e-5)


def test_mean_is_what_pools_unless_it_is_said_otherwise(model: Embedder) -> None:
    assert model.pooling == "mean"


def test_texts_of_the_same_tokens_are_the_same_to_it(shallow_preset: Path) -> None:
    model = build(shallow_preset, max_length=4)
    codes = model.encode_texts([["The BALL", "the ball, cut"], ["the  ball", "the tax"]]).targets
    assert codes[0, 0] == codes[0, 1] == codes[1, 0] != codes[1, 1]


def test_more_tokens_than_positions_are_refused(shallow_preset: Path, model: Embedder) -> None:
    with pytest.raises(ModelError, match=r"model\.max_length is 65, but this BERT reads at most 64"):
        build(shallow_preset, max_length=65)
    with pytest.raises(ModelError, match=r"at most 64 tokens at once; take fewer$"):
        model.check_length(65)
