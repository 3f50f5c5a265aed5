"""The classifier of texts: a long text is the mean of its windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.errors import ModelError
from tfapp.models import TaskModel
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model, load_model


def build(preset: Path, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    return build_model("classification", ClassificationModelSettings(preset=str(preset), **changes), ["a", "b"])


def logits_of(model: TaskModel, texts: list[str]) -> np.ndarray:
    return model.logits(model.preprocessor(tf.constant(texts, tf.string))).numpy()


LONG = "bank price stock tax trade profit bank price the ball goal team bank price"


def test_a_long_text_is_its_windows_and_a_short_one_itself(shallow_preset: Path) -> None:
    model, plain_model = build(shallow_preset, max_length=200, window=9), build(shallow_preset, max_length=9)
    halves = logits_of(plain_model, [" ".join(LONG.split()[:7]), " ".join(LONG.split()[7:])])
    logits = logits_of(model, [LONG, "the ball"])
    np.testing.assert_allclose(logits[0], halves.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(logits[1], logits_of(plain_model, ["the ball"])[0], atol=1e-5)
    assert not logits_of(model, []).size


def test_a_window_lets_texts_be_longer_than_the_positions(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, max_length=500, window=64)
    model.save(tmp_path)
    texts = [LONG * 20, "the ball"]
    np.testing.assert_array_equal(logits_of(load_model(tmp_path), texts), logits_of(model, texts))
    with pytest.raises(ModelError, match=r"model\.window is 65, .* at most 64"):
        build(shallow_preset, max_length=100, window=65)
    with pytest.raises(ModelError, match=r"max_length is 65, .* model\.window"):
        build(shallow_preset, max_length=64).check_length(65)
    build(shallow_preset, max_length=64, window=32).check_length(1000)
