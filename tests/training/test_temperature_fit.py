"""Fitted temperatures, against SciPy's minimum of the likelihood and against logits of a known temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, softmax

from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task
from tfapp.training import TokenizedSplit, tokenize_split
from tfapp.training.temperature_fit import (
    FEWEST_ROWS,
    fit_class_temperature,
    fit_label_temperatures,
    fit_scaling,
    fit_temperature,
)


def drawn_rows(count: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws logits, and classes from their softmax at a temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=3, size=(count, 5))
    shares = softmax(logits / temperature, axis=1).cumsum(axis=1)
    targets = np.minimum((random.random((count, 1)) > shares).sum(axis=1), 4)
    return logits.astype(np.float32), targets


@given(st.integers(0, 1000), st.floats(0.4, 3.0))
def test_it_is_scipys_minimum_of_the_likelihood_and_the_prior(seed: int, temperature: float) -> None:
    logits, targets = drawn_rows(200, temperature, seed)

    def objective(power: np.ndarray) -> float:
        logs = log_softmax(logits.astype(np.float64) / np.exp(power[0]), axis=1)
        return float(-logs[np.arange(200), targets].sum() + (power[0] / 0.5) ** 2 / 2)

    expected = np.exp(minimize(objective, [0.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}).x[0])
    assert fit_class_temperature(logits, targets) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_of_many_rows_it_is_that_which_they_were_drawn_by(temperature: float) -> None:
    logits, targets = drawn_rows(20_000, temperature, 1)
    assert fit_class_temperature(logits, targets) == pytest.approx(temperature, rel=0.03)


def test_a_dev_split_without_a_mistake_makes_nothing_certain() -> None:
    logits = np.tile(np.array([[2.0, 0.0]], np.float32), (100, 1))
    temperature = fit_class_temperature(logits, np.zeros(100, int))
    assert 0.3 < temperature < 1
    assert softmax(logits[0] / temperature)[0] < 0.9999


def test_each_label_is_fitted_and_a_rare_one_follows_the_others() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(scale=2, size=(4000, 3)).astype(np.float32)
    targets = random.random((4000, 3)) < expit(logits / np.array([2.0, 2.0, 0.5]))
    temperatures = fit_label_temperatures(logits, targets)
    assert temperatures == pytest.approx((2.0, 2.0, 0.5), rel=0.15)
    # Two texts say little of a label that all others say is like them.
    logits[2:, 2], targets[2:, 2] = -60, False
    assert 1.0 < fit_label_temperatures(logits, targets)[2] < 4.0


def test_one_label_is_scipys_minimum_too() -> None:
    random = np.random.default_rng(4)
    logits = random.normal(scale=2, size=(300, 1))
    targets = random.random((300, 1)) < expit(logits / 1.7)

    def objective(power: float, middle: float) -> float:
        signs = np.where(targets, 1, -1)
        return float(-log_expit(signs * logits / np.exp(power)).sum() + ((power - middle) / 0.5) ** 2 / 2)

    def lowest(middle: float) -> float:
        solution = minimize(lambda power: objective(power[0], middle), [0.0], method="Nelder-Mead", tol=1e-8)
        return float(solution.x[0])

    assert fit_label_temperatures(logits, targets) == pytest.approx((np.exp(lowest(lowest(0.0))),), rel=1e-3)


def test_a_loss_without_a_minimum_stays_in_bounds() -> None:
    assert 0.04 < fit_temperature(lambda temperature: 1e6 * temperature) < 0.06
    assert 19 < fit_temperature(lambda temperature: -1e6 * temperature) < 21


def test_too_few_rows_are_not_fitted_and_told() -> None:
    scaling = fit_scaling(FEWEST_ROWS - 1, lambda: (9.0,))
    assert (scaling.temperatures, scaling.rows) == ((1.0,), 0)
    assert f"{FEWEST_ROWS - 1} held-out rows" in scaling.reason
    assert fit_scaling(FEWEST_ROWS, lambda: (9.0,)) == TemperatureScaling((9.0,), FEWEST_ROWS, "")


def split_of(model: TaskModel, labels: list[Any]) -> TokenizedSplit:
    rows = pa.array(range(len(labels)), pa.int64())
    texts = [f"ball {number % 7} bank" for number in range(len(labels))]
    return tokenize_split(model, pa.table({"text": texts, "label": labels, "row": rows}))


def test_texts_of_no_label_do_not_count(shallow_preset: Path) -> None:
    model = build_model(
        "classification", ModelSettings(preset=str(shallow_preset), max_length=16), ["0", "1"], unknown_label="other"
    )
    evaluator = find_task("classification").evaluator()
    targets = np.array([0, 1] * 75)
    logits = np.random.default_rng(0).normal(size=(150, 2)).astype(np.float32)
    other_split = split_of(model, ["0", "1"] * 75 + ["other"] * 60)
    scaling = evaluator.fit_temperatures(model, np.concatenate([logits, np.full((60, 2), 40, np.float32)]), other_split)
    assert scaling == TemperatureScaling((fit_class_temperature(logits, targets),), 150, "")
    small_scaling = evaluator.fit_temperatures(model, logits[:90], split_of(model, ["0"] * 40 + ["other"] * 50))
    assert small_scaling.temperatures == (1.0,)
