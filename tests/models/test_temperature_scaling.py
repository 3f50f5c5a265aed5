"""Temperatures change probabilities and nothing that a classifier decides; a config without them means 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, softmax

from tfapp.config import ModelSettings
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.models.unknown import Unknown
from tfapp.tasks.models import build_model, load_model

LABELS = ["money", "sport", "tech"]
LOGITS = np.random.default_rng(0).normal(scale=3, size=(40, 3)).astype(np.float32)


def build(preset: Path, **changes: Any) -> ClassificationModel:
    model = build_model("classification", ModelSettings(preset=str(preset), max_length=16, **changes), LABELS)
    assert isinstance(model, ClassificationModel)
    return model


@pytest.fixture(scope="module")
def single_label_model(shallow_preset: Path) -> ClassificationModel:
    return build(shallow_preset)


@pytest.fixture(scope="module")
def multi_label_model(shallow_preset: Path) -> ClassificationModel:
    return build(shallow_preset, multi_label=True)


def test_the_logits_are_divided_before_the_softmax(single_label_model: ClassificationModel) -> None:
    answers = single_label_model.answers(tf.constant(LOGITS))
    single_label_model.calibrate(TemperatureScaling((2.5,), 200, ""))
    calibrated_answers = single_label_model.answers(tf.constant(LOGITS))
    np.testing.assert_allclose(calibrated_answers["probabilities"], softmax(LOGITS / 2.5, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(calibrated_answers["score"], calibrated_answers["probabilities"].numpy().max(axis=1))
    assert calibrated_answers["label"].numpy().tolist() == answers["label"].numpy().tolist()
    single_label_model.calibrate(TemperatureScaling())
    np.testing.assert_array_equal(
        single_label_model.answers(tf.constant(LOGITS))["probabilities"], tf.nn.softmax(LOGITS)
    )


def test_each_label_of_several_has_its_own(multi_label_model: ClassificationModel) -> None:
    multi_label_model.calibrate(TemperatureScaling((0.5, 1.0, 4.0), 200, ""))
    expected = expit(LOGITS / np.array([0.5, 1.0, 4.0], np.float32))
    np.testing.assert_allclose(multi_label_model.probabilities(tf.constant(LOGITS)), expected, rtol=1e-5)


@given(
    hnp.arrays(np.float32, (8, 3), elements=st.floats(-8, 8, width=32)),
    st.tuples(*[st.sampled_from([0.02, 0.3, 0.5, 0.7, 0.999])] * 3),
    st.tuples(*[st.floats(0.5, 5)] * 3),
)
def test_no_text_gets_other_labels(
    multi_label_model: ClassificationModel,
    logits: np.ndarray,
    thresholds: tuple[float, ...],
    temperatures: tuple[float, ...],
) -> None:
    multi_label_model.calibrate(TemperatureScaling())
    multi_label_model.thresholds = thresholds
    near = np.abs(logits - np.log(np.array(thresholds) / (1 - np.array(thresholds)))) < 1e-3
    choices = multi_label_model.answers(tf.constant(logits))["chosen"].numpy()
    for scaling in (TemperatureScaling(temperatures, 200, ""), TemperatureScaling()):
        multi_label_model.calibrate(scaling)
        calibrated_choices = multi_label_model.answers(tf.constant(logits))["chosen"].numpy()
        np.testing.assert_array_equal(calibrated_choices | near, choices | near)
    # Back at temperature 1, the thresholds are what they were.
    assert multi_label_model.thresholds == pytest.approx(thresholds)


def test_what_belongs_to_no_label_is_found_as_before(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    model.unknown = replace(Unknown("other"), limit=-2.0, scale=0.5)
    answers = model.answers(tf.constant(LOGITS))
    model.calibrate(TemperatureScaling((3.0,), 200, ""))
    calibrated_answers = model.answers(tf.constant(LOGITS))
    np.testing.assert_array_equal(calibrated_answers["unknown_score"], answers["unknown_score"])
    assert calibrated_answers["label"].numpy().tolist() == answers["label"].numpy().tolist()
    assert b"other" in calibrated_answers["label"].numpy()


@pytest.mark.parametrize("changes", [{}, {"multi_label": True}, {"kind": "lstm"}], ids=str)
def test_they_are_saved_with_the_model(shallow_preset: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    model = build(shallow_preset, **changes)
    temperatures = (0.5, 1.5, 2.5) if changes.get("multi_label") else (1.5,)
    model.calibrate(TemperatureScaling(temperatures, 321, ""))
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert loaded_model.calibration == TemperatureScaling(temperatures, 321, "")
    rows = tf.constant(["the ball", "bank price"])
    np.testing.assert_allclose(
        loaded_model.predict_text({"text": rows})["probabilities"], model.predict_text({"text": rows})["probabilities"]
    )


def test_the_config_of_an_earlier_version_means_one() -> None:
    assert TemperatureScaling.from_config(None).temperatures == (1.0,)
