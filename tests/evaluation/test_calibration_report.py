"""The expected calibration error against a direct count, its bias and its interval; what a report says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.evaluation.calibration_report import CalibrationReport, Reliability, expected_calibration_error
from tfapp.evaluation.metrics import Measure


def counted_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Computes equation 3 of Guo et al. 2017, bin by bin."""
    flat, right = confidence.ravel(), correct.ravel()
    total = 0.0
    for number in range(15):
        inside = (flat > number / 15) & (flat <= (number + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - flat[inside].mean())
    return total


@settings(max_examples=20)
@given(st.integers(0, 100), st.integers(1, 3))
def test_of_many_rows_it_is_the_plain_count(seed: int, decisions: int) -> None:
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.01, 1, (3000, decisions))
    correct = random.random((3000, decisions)) < confidence**3
    error = expected_calibration_error(confidence, correct)
    assert error.value == pytest.approx(counted_error(confidence, correct), abs=0.01)
    assert error.interval[0] < error.value < error.interval[1]


def test_what_chance_adds_is_taken_off() -> None:
    random = np.random.default_rng(0)
    plain_errors, errors = [], []
    for _ in range(40):
        confidence = random.uniform(0.5, 1, (200, 1))
        correct = random.random((200, 1)) < confidence
        plain_errors.append(counted_error(confidence, correct))
        errors.append(expected_calibration_error(confidence, correct).value)
    assert np.mean(errors) < 0.7 * np.mean(plain_errors)


def test_the_interval_holds_the_error() -> None:
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(40):
        confidence = random.uniform(0.6, 1, (500, 1))
        low, high = expected_calibration_error(confidence, random.random((500, 1)) < confidence - 0.1).interval
        inside += low <= 0.1 <= high
    assert inside >= 34


def test_of_no_rows_nothing_is_known() -> None:
    empty = expected_calibration_error(np.zeros((0, 1)), np.zeros((0, 1), bool))
    assert (empty.value, empty.interval) == (0.0, (0.0, 1.0))


def test_a_report_gives_numbers_or_the_reason() -> None:
    after, before = (Reliability(Measure("ECE", value, (0.0, 0.2)), 0.5) for value in (0.01234567, 0.1))
    report = CalibrationReport((1.4321,), 300, "", after, before)
    assert report.temperature == "1.43"
    assert report.metadata()["calibration_error"] == 0.0123
    assert report.metadata()["uncalibrated_calibration_error"] == 0.1
    assert [name for name, _ in report.reliabilities] == ["Before (temperature 1)", "After"]
    assert report.without_reliability().reliabilities == []
    assert report.without_reliability().metadata() == {"temperature": 1.4321, "held_out_rows": 300}
    plain_report = CalibrationReport((1.0,), 0, "too few", after)
    assert plain_report.metadata()["not_calibrated"] == "too few"
    assert [name for name, _ in plain_report.reliabilities] == ["Temperature 1"]
    assert CalibrationReport((0.5, 1.5), 300, "").temperature == "0.50 to 1.50 by label"
