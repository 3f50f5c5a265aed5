"""Windows: they hold every token once, in order, and their mean is the text's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.errors import ModelError
from tfapp.models import TaskModel
from tfapp.models.windows import mean_of_windows, split_windows
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model, load_model

CLS, SEP = 101, 102


def rows_of(ids: tf.RaggedTensor) -> list[list[int]]:
    return [row.tolist() for row in ids.numpy()] if ids.nrows() else []


@settings(max_examples=50)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(4, 20))
def test_every_token_is_in_one_window(lengths: list[int], window: int) -> None:
    texts = [[CLS, *range(1000 * text, 1000 * text + length), SEP] for text, length in enumerate(lengths)]
    windows, owners = split_windows(tf.ragged.constant(texts, tf.int32, ragged_rank=1), window)
    rows = rows_of(windows)
    for number, text in enumerate(texts):
        mine = [row for row, owner in zip(rows, owners.numpy(), strict=True) if owner == number]
        assert [token for row in mine for token in row[1:-1]] == text[1:-1]
        assert len(mine) == max(1, math.ceil((len(text) - 2) / (window - 2)))
        assert max(map(len, mine)) - min(map(len, mine)) <= 1
    assert all(len(row) <= window and (row[0], row[-1]) == (CLS, SEP) for row in rows)


def test_the_mean_weighs_by_tokens() -> None:
    windows = tf.RaggedTensor.from_row_lengths(tf.zeros([9], tf.int32), [3, 1, 5])
    values = tf.constant([[4.0], [8.0], [7.0]])
    mean = mean_of_windows(values, windows, tf.constant([0, 0, 1]), tf.constant(2))
    np.testing.assert_allclose(mean, [[5.0], [7.0]])


def build(preset: Path, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    return build_model("classification", ClassificationModelSettings(preset=str(preset), **changes), ["a", "b"])


def logits_of(model: TaskModel, texts: list[str]) -> np.ndarray:
    return model.logits(model.preprocessor(tf.constant(texts, tf.string))).numpy()


LONG = "bank price stock tax trade profit bank price the ball goal team bank price"


def test_a_long_text_is_its_windows_and_a_short_one_itself(shallow_preset: Path) -> None:
    model, plain = build(shallow_preset, max_length=200, window=9), build(shallow_preset, max_length=9)
    halves = logits_of(plain, [" ".join(LONG.split()[:7]), " ".join(LONG.split()[7:])])
    got = logits_of(model, [LONG, "the ball"])
    np.testing.assert_allclose(got[0], halves.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(got[1], logits_of(plain, ["the ball"])[0], atol=1e-5)
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
