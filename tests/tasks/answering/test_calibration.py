"""An answerer's temperature: it moves scores to the share of exact answers, and no answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from scipy.optimize import minimize_scalar

from tests.answers import toy_questions
from tests.evaluators import evaluate
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.answering.evaluator import AnswerEvaluator
from tfapp.tasks.answering.model import Answerer
from tfapp.tasks.answering.settings import AnsweringModelSettings
from tfapp.tasks.models import build_model, load_model
from tfapp.training import TokenizedSplit, tokenize_split


@pytest.fixture(scope="module")
def model(shallow_preset: Path) -> Answerer:
    settings = AnsweringModelSettings(preset=str(shallow_preset), max_length=16)
    model = build_model("answering", settings, ["answer", "no answer"])
    assert isinstance(model, Answerer)
    return model


@pytest.fixture(scope="module")
def split(model: Answerer) -> TokenizedSplit:
    rows = toy_questions(160)
    spans = [[[a["answer_start"], a["answer_start"] + len(a["text"])] for a in row["answers"]] for row in rows]
    columns = {name: [row[name] for row in rows] for name in ("question", "context")}
    return tokenize_split(model, pa.table(columns | {"label": spans, "row": range(160)}))


@pytest.fixture(scope="module")
def logits(split: TokenizedSplit) -> np.ndarray:
    """Logits that often are right, and far too sure."""
    random = np.random.default_rng(0)
    logits = random.normal(scale=8, size=(len(split.texts), int(split.texts.lengths.max()), 2)).astype(np.float32)
    for row, places in enumerate(split.targets):
        logits[row, places, [0, 1]] += 14
    return logits


def test_scores_change_and_answers_do_not(model: Answerer, split: TokenizedSplit, logits: np.ndarray) -> None:
    results = []
    for temperature in (1.0, 6.0):
        model.calibrate(TemperatureScaling((temperature,), 160, ""))
        spans = model.find(tf.constant(logits), split.positions)
        results.append((spans.starts, spans.ends, model.is_answered(spans), model.scores(spans)))
    for values_before, values_after in zip(*(values[:3] for values in results), strict=True):
        np.testing.assert_array_equal(values_before, values_after)
    assert 0 < np.asarray(results[0][2]).mean() < 1
    assert np.all(results[1][3] != results[0][3])
    assert np.mean(results[1][3]) < np.mean(results[0][3]) - 0.1
    model.calibrate(TemperatureScaling())


def test_the_fit_makes_scores_the_share_of_exact_answers(
    model: Answerer, split: TokenizedSplit, logits: np.ndarray
) -> None:
    scaling = AnswerEvaluator().fit_temperatures(model, logits, split)
    assert (scaling.rows, scaling.reason) == (160, "")
    model.calibrate(scaling)
    report = evaluate(model, logits, split).calibration_report
    exact = next(measure.value for measure in evaluate(model, logits, split).measures if measure.name == "exact match")
    assert report.after.error.value < report.before.error.value
    assert model.scores(model.find(tf.constant(logits), split.positions)).numpy().mean() == pytest.approx(
        exact, abs=0.1
    )

    def loss(power: float) -> float:
        model.calibrate(TemperatureScaling((float(np.exp(power)),), 160, ""))
        return float(evaluate(model, logits, split).calibration_report.after.loss * 160 + (power / 0.5) ** 2 / 2)

    lowest = minimize_scalar(loss, bounds=(-1, 3), method="bounded", options={"maxiter": 25}).x
    assert scaling.temperatures[0] == pytest.approx(np.exp(lowest), rel=0.02)
    model.calibrate(TemperatureScaling())
    assert evaluate(model, logits, split).calibration_report.before is None


def test_too_few_questions_leave_it_at_one(model: Answerer, logits: np.ndarray) -> None:
    rows = {"question": ["which match ?"] * 5, "context": ["the ball ."] * 5, "label": [[[4, 8]]] * 5, "row": range(5)}
    small_split = tokenize_split(model, pa.table(rows))
    assert AnswerEvaluator().fit_temperatures(model, logits[: len(small_split.texts)], small_split).temperatures == (
        1.0,
    )


def test_it_is_saved_and_answers_raw_texts_with_it(model: Answerer, tmp_path: Path) -> None:
    rows = {"question": tf.constant(["which match ?"]), "context": tf.constant(["the ball today ."])}
    plain_answers = model.predict_text(rows)
    model.calibrate(TemperatureScaling((0.2,), 160, ""))
    model.save(tmp_path)
    warm = model.predict_text(rows)
    model.calibrate(TemperatureScaling())
    loaded_model = load_model(tmp_path)
    assert loaded_model.calibration == TemperatureScaling((0.2,), 160, "")
    loaded_answers = loaded_model.predict_text(rows)
    assert loaded_answers["answer"].numpy().tolist() == plain_answers["answer"].numpy().tolist()
    np.testing.assert_array_equal(loaded_answers["score"], warm["score"])
    assert abs(float(loaded_answers["score"][0]) - float(plain_answers["score"][0])) > 1e-3
