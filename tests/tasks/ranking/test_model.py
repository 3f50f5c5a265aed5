"""The ranker: padding, saving, answers, grades as targets, what it refuses."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.pair_models import PairModelTests, build_pair_model
from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models import TaskModel
from tfapp.tasks.models import build_model
from tfapp.tasks.ranking.model import PairRanker


@pytest.fixture(scope="module", params=[(["0", "3"], {}), (["0", "1"], {"pooling": "max"})], ids=str)
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TaskModel:
    labels, changes = request.param
    return build_pair_model(shallow_preset, "ranking", labels, **changes)


class TestPairRanker(PairModelTests):
    pass


def test_grades_are_shares_of_the_top_one(shallow_preset: Path) -> None:
    model = build_pair_model(shallow_preset, "ranking", ["0", "3"])
    assert isinstance(model, PairRanker)
    targets = model.encode_targets([0.0, 1.5, 3.0, 6.0])
    assert targets.tolist() == [0.0, 0.5, 1.0, 2.0]
    logits = np.array([0.3, -2.0, 1.0, 0.5], np.float32)
    shares = np.minimum(targets, 1)[:, None]
    expected = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")(shares, logits[:, None])
    np.testing.assert_allclose(model.loss(targets, logits), expected, rtol=1e-5)
    np.testing.assert_allclose(model.answers(tf.constant(logits))["score"], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_what_pairs_do_not_have_is_named(shallow_preset: Path) -> None:
    with pytest.raises(ModelError, match="there is no lstm model for ranking"):
        build_pair_model(shallow_preset, "ranking", ["0", "1"], kind="lstm")
    with pytest.raises(ModelError, match=r"model\.max_length is 99, .* at most 64 tokens at once; take fewer$"):
        build_model("ranking", ModelSettings(preset=str(shallow_preset), max_length=99), ["0", "1"])
