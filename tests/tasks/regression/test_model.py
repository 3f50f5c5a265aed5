"""A regressor learns in standard deviations and answers in the unit of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfapp.config import ModelSettings
from tfapp.errors import ExportError
from tfapp.savedmodel import export_model
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.registry import find_task
from tfapp.tasks.regression.model import TextRegressor

METADATA: dict[str, Any] = {"preset": "toy", "tfapp_version": "0", "data": {}, "metrics": {}, "settings": ""}


def build(preset: Path, *labels: str, task: str = "regression") -> TextRegressor:
    model = build_model(task, ModelSettings(preset=str(preset), max_length=16, pooling="mean"), labels)
    assert isinstance(model, TextRegressor)
    return model


def test_targets_are_standardised_and_scores_are_not(shallow_preset: Path) -> None:
    model = build(shallow_preset, "2000.0", "8.0")
    targets = model.encode_targets([2000.0, 2008.0, 1984.0])
    assert targets.tolist() == [0, 1, -2]
    np.testing.assert_array_equal(model.scores(tf.constant(targets)), [2000, 2008, 1984])
    # Large means leave little of float32's 24 bits to the differences, but of a float64 all.
    assert build(shallow_preset, "1e9", "0.5").encode_targets([1e9 + 1])[0] == 2


def test_the_loss_takes_logits_of_the_network_and_of_the_head(shallow_preset: Path) -> None:
    model = build(shallow_preset, "0.0", "1.0")
    targets, logits = tf.constant([1.0, 2.0]), tf.constant([3.0, 2.0])
    for outputs in (logits, logits[:, None]):
        assert model.loss(targets, outputs).numpy().tolist() == [4, 0]
        assert model.scores(outputs).shape == [2]


@pytest.mark.parametrize("task", ["regression", "pair-regression"])
def test_a_saved_model_answers_the_same(shallow_preset: Path, tmp_path: Path, task: str) -> None:
    model = build(shallow_preset, "-7.0", "30.0", task=task)
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    inputs = {name: tf.constant(["the ball", "a tax"]) for name in model.inputs}
    np.testing.assert_array_equal(loaded_model.predict_text(inputs)["score"], model.predict_text(inputs)["score"])
    assert loaded_model.labels == ()


@pytest.mark.parametrize(
    ("mean", "deviation"), [(0.0, 1e-4), pytest.param(0.0, 1e7, marks=pytest.mark.slow), (1e7, 3.0)]
)
def test_an_export_is_held_against_the_size_of_the_numbers(
    shallow_preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mean: float, deviation: float
) -> None:
    model = build(shallow_preset, repr(mean), repr(deviation))
    words = find_task("regression").card

    def export(folder: Path) -> None:
        options: dict[str, Any] = {"metadata": METADATA, "texts": ["the ball"], "max_length": 16, "words": words}
        export_model(model, folder, name="toy", warmup_requests=1, **options)

    export(tmp_path / "fine")
    assert model.answer_scale >= deviation
    monkeypatch.setattr("tfapp.savedmodel.verify.TOLERANCE", -1.0)
    with pytest.raises(ExportError, match="the exported model's score differs from the Keras model's by"):
        export(tmp_path / "refused")


def test_padding_changes_nothing(shallow_preset: Path) -> None:
    model = build(shallow_preset, "-7.0", "30.0")
    texts = ["the ball", "", "bank price stock tax trade profit today"]
    batch_scores = model.predict_text({"text": tf.constant(texts)})["score"].numpy()
    scores = [float(model.predict_text({"text": tf.constant([text])})["score"][0]) for text in texts]
    np.testing.assert_allclose(batch_scores, scores, atol=1e-3)
    assert np.ptp(batch_scores) > 0
