"""The embedder of pairs: what it is told of texts, its loss both ways, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.test_contrast import CODES, pair_loss, unit_vectors
from tfapp.models.contrast import pair_losses
from tfapp.tasks.embedding.model import TextEmbedder, symmetric_losses
from tfapp.tasks.embedding.settings import EmbeddingModelSettings
from tfapp.tasks.models import build_model, load_model

TEXTS = ["the ball", "", "bank price stock tax trade profit", "a goal", "phone", "the ball"]


def build(preset: Path, **changes: Any) -> TextEmbedder:
    keras.utils.set_random_seed(5)
    model = build_model("embedding", EmbeddingModelSettings(preset=str(preset), max_length=16, **changes), ())
    assert isinstance(model, TextEmbedder)
    return model


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> TextEmbedder:
    return build(shallow_preset)


def vectors(model: TextEmbedder, texts: list[str]) -> np.ndarray:
    embeddings: np.ndarray = model.predict_text({"text": tf.constant(texts, tf.string)})["embedding"].numpy()
    return embeddings


@pytest.mark.parametrize("negatives", [None, ["a goal", "", "phone"]])
def test_a_row_s_vectors_are_those_of_its_texts(model: TextEmbedder, negatives: list[str] | None) -> None:
    columns = {"query": TEXTS[:3], "candidate": TEXTS[3:]} | ({"negative": negatives} if negatives else {})
    ids, splits, codes, _ = model.encode(columns)
    logits = model.logits(tf.RaggedTensor.from_row_splits(ids, splits)).numpy()
    expected = np.stack([vectors(model, texts) for texts in columns.values()], axis=1)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    assert codes.dtype == np.int32
    # "the ball" is the first query and the last candidate, "a goal" a candidate and a negative.
    assert codes[0, 0] == codes[2, 1] != codes[0, 1]
    if negatives:
        assert codes[0, 2] == codes[0, 1]
        assert codes[1, 2] == -1
        assert len(set(codes.ravel())) == 6
    assert model.rows(columns) == [text for texts in columns.values() for text in texts]


@settings(max_examples=20)
@given(CODES, st.integers(2, 3), st.integers(0, 1000))
def test_symmetric_is_the_mean_of_both_ways(codes: list[list[int]], places: int, seed: int) -> None:
    codes = [row[:places] for row in codes]
    rows = unit_vectors(seed, len(codes), places, 4)
    # A candidate looks for its query among queries alone.
    candidates_first = [[candidate, query] for query, candidate, *_ in codes]
    expected = [
        (pair_loss(rows, codes, row, 0.5) + pair_loss(rows[:, [1, 0]], candidates_first, row, 0.5)) / 2
        for row in range(len(codes))
    ]
    losses = symmetric_losses(rows, np.array(codes, np.int32), 0.5)
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)


def test_the_setting_chooses_the_loss(model: TextEmbedder, shallow_preset: Path) -> None:
    codes, rows = np.array([[0, 2], [1, 3], [0, 4]], np.int32), tf.constant(unit_vectors(1, 3, 2, 4))
    symmetric_model = build(shallow_preset, symmetric=True)
    for trained_model, losses in ((model, pair_losses), (symmetric_model, symmetric_losses)):
        np.testing.assert_array_equal(trained_model.loss(codes, rows), losses(rows, codes, trained_model.temperature))


def test_it_is_saved_with_its_settings(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, pooling="max", temperature=0.1, symmetric=True)
    assert not model.is_saved(tmp_path)
    model.save(tmp_path)
    assert model.is_saved(tmp_path)
    loaded_model = load_model(tmp_path)
    assert isinstance(loaded_model, TextEmbedder)
    assert (loaded_model.pooling, loaded_model.temperature, loaded_model.symmetric) == ("max", 0.1, True)
    np.testing.assert_allclose(vectors(loaded_model, TEXTS), vectors(model, TEXTS), atol=1e-6)
