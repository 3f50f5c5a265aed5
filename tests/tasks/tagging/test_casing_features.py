"""Tests how words are written, against plain Python, and what a tagger makes of it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.tagging.casing_features import CASING_KINDS, casing_features, join_casing, split_casing
from tfapp.tasks.tagging.model import TextTagger
from tfapp.tasks.tagging.settings import TaggingModelSettings

PLAIN, CAPITALIZED, CAPITALS, MIXED = range(CASING_KINDS)
WORDS = st.text(st.sampled_from("aBcDéÉßжЖ日ǅ1-'\u0301"), max_size=6)


def shape_of(word: str) -> int:
    kinds = [unicodedata.category(char) for char in word]
    if "Lu" not in kinds:
        return PLAIN
    if kinds.index("Lu") == 0 and "Lu" not in kinds[1:]:
        return CAPITALIZED
    return MIXED if "Ll" in kinds else CAPITALS


@given(st.lists(WORDS))
def test_shapes_are_those_of_plain_python(words: list[str]) -> None:
    assert casing_features(tf.constant(words, tf.string)).numpy().tolist() == [shape_of(word) for word in words]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        *[
            ("shop", PLAIN),
            ("日本", PLAIN),
            ("", PLAIN),
            ("Shop", CAPITALIZED),
            ("I", CAPITALIZED),
            ("Éa", CAPITALIZED),
        ],
        *[("SHOP", CAPITALS), ("B2B", CAPITALS), ("iPhone", MIXED), ("McCoy", MIXED)],
    ],
)
def test_shapes_of_words(word: str, shape: int) -> None:
    assert casing_features(tf.constant([word])).numpy().tolist() == [shape]


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, CASING_KINDS - 1)), min_size=1))
def test_ids_and_shapes_come_back(pairs: list[tuple[int, int]]) -> None:
    ids, shapes = (tf.constant(values, tf.int32) for values in zip(*pairs, strict=True))
    parts = split_casing(join_casing(ids, shapes, 1000), 1000)
    for values, expected in zip((ids, shapes), parts, strict=True):
        np.testing.assert_array_equal(values, expected)


def build(preset: Path, *, word_shapes: bool) -> TextTagger:
    keras.utils.set_random_seed(3)
    settings = TaggingModelSettings(preset=str(preset), max_length=8, word_shapes=word_shapes)
    model = build_model("tagging", settings, ["sport"])
    assert isinstance(model, TextTagger)
    return model


def logits(model: TextTagger, texts: list[str]) -> np.ndarray:
    return model.logits(tf.RaggedTensor.from_row_splits(*model.tokenize({"text": texts}))).numpy()


LOWER = ["the ball, and a goal today says more", ""]
UPPER = ["The BALL, and a Goal today says mOre", ""]


def test_shapes_change_nothing_before_they_are_learnt(shallow_preset: Path) -> None:
    without_shapes, with_shapes = (build(shallow_preset, word_shapes=shapes) for shapes in (False, True))
    assert with_shapes.backbone.num_segments == CASING_KINDS
    with_shapes.network.get_layer("logits").set_weights(without_shapes.network.get_layer("logits").get_weights())
    np.testing.assert_allclose(logits(with_shapes, UPPER), logits(without_shapes, LOWER), atol=1e-6)


def test_a_tagger_may_tell_words_by_their_capitals(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, word_shapes=True)
    model.backbone.get_layer("segment_embedding").set_weights([np.eye(CASING_KINDS, 32)])
    assert np.abs(logits(model, UPPER) - logits(model, LOWER)).max() > 1e-3
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert isinstance(loaded_model, TextTagger)
    np.testing.assert_array_equal(logits(loaded_model, UPPER), logits(model, UPPER))
