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
def single(shallow_preset: Path) -> ClassificationModel:
    return build(shallow_preset)


@pytest.fixture(scope="module")
def several(shallow_preset: Path) -> ClassificationModel:
    return build(shallow_preset, multi_label=True)


def test_the_logits_are_divided_before_the_softmax(single: ClassificationModel) -> None:
    before = single.answers(tf.constant(LOGITS))
    single.calibrate(TemperatureScaling((2.5,), 200, ""))
    after = single.answers(tf.constant(LOGITS))
    np.testing.assert_allclose(after["probabilities"], softmax(LOGITS / 2.5, axis=1), rtol=1e-5)
    np.testing.assert_array_equal(after["score"], after["probabilities"].numpy().max(axis=1))
    assert after["label"].numpy().tolist() == before["label"].numpy().tolist()
    single.calibrate(TemperatureScaling())
    np.testing.assert_array_equal(single.answers(tf.constant(LOGITS))["probabilities"], tf.nn.softmax(LOGITS))


def test_each_label_of_several_has_its_own(several: ClassificationModel) -> None:
    several.calibrate(TemperatureScaling((0.5, 1.0, 4.0), 200, ""))
    expected = expit(LOGITS / np.array([0.5, 1.0, 4.0], np.float32))
    np.testing.assert_allclose(several.probabilities(tf.constant(LOGITS)), expected, rtol=1e-5)


@given(
    hnp.arrays(np.float32, (8, 3), elements=st.floats(-8, 8, width=32)),
    st.tuples(*[st.sampled_from([0.02, 0.3, 0.5, 0.7, 0.999])] * 3),
    st.tuples(*[st.floats(0.5, 5)] * 3),
)
def test_no_text_gets_other_labels(
    several: ClassificationModel, logits: np.ndarray, thresholds: tuple[float, ...], temperatures: tuple[float, ...]
) -> None:
    several.calibrate(TemperatureScaling())
    several.thresholds = thresholds
    near = np.abs(logits - np.log(np.array(thresholds) / (1 - np.array(thresholds)))) < 1e-3
    before = several.answers(tf.constant(logits))["chosen"].numpy()
    for scaling in (TemperatureScaling(temperatures, 200, ""), TemperatureScaling()):
        several.calibrate(scaling)
        after = several.answers(tf.constant(logits))["chosen"].numpy()
        np.testing.assert_array_equal(after | near, before | near)
    # Back at temperature 1, the thresholds are what they were.
    assert several.thresholds == pytest.approx(thresholds)


def test_what_belongs_to_no_label_is_found_as_before(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    model.unknown = replace(Unknown("other"), limit=-2.0, scale=0.5)
    before = model.answers(tf.constant(LOGITS))
    model.calibrate(TemperatureScaling((3.0,), 200, ""))
    after = model.answers(tf.constant(LOGITS))
    np.testing.assert_array_equal(after["unknown_score"], before["unknown_score"])
    assert after["label"].numpy().tolist() == before["label"].numpy().tolist()
    assert b"other" in after["label"].numpy()


@pytest.mark.parametrize("changes", [{}, {"multi_label": True}, {"kind": "lstm"}], ids=str)
def test_they_are_saved_with_the_model(shallow_preset: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    model = build(shallow_preset, **changes)
    temperatures = (0.5, 1.5, 2.5) if changes.get("multi_label") else (1.5,)
    model.calibrate(TemperatureScaling(temperatures, 321, ""))
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.calibration == TemperatureScaling(temperatures, 321, "")
    rows = tf.constant(["the ball", "bank price"])
    np.testing.assert_allclose(
        loaded.predict_text({"text": rows})["probabilities"], model.predict_text({"text": rows})["probabilities"]
    )


def test_the_config_of_an_earlier_version_means_one() -> None:
    assert TemperatureScaling.from_config(None).temperatures == (1.0,)
