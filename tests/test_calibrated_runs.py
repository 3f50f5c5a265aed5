"""Runs whose probabilities are calibrated, from a settings file to the served answers, the page and the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import contract

import tfapp
from tests.toy import TOPICS, toy_experiment, toy_rows, toy_text
from tfapp import Run
from tfapp.evaluation import ClassEvaluation
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import load_model

TEXTS = [toy_text(topic, 700 + index) for topic in sorted(TOPICS) for index in range(4)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of which each ninth has the label of another, so that certainty is a mistake."""
    rows = toy_rows(360)
    for number, row in enumerate(rows):
        if number % 9 == 0:
            row["label"] = rows[number + 1]["label"]
    file = tmp_path_factory.mktemp("data") / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def fit(preset: Path, data: Path, runs: Path, *, shares: tuple[float, float] = (0.4, 0.2), **training: Any) -> Run:
    values = toy_experiment(preset, data, training=training)
    values["data"] |= {"dev_share": shares[0], "test_share": shares[1]}
    return tfapp.fit(parse_experiment(values), runs=runs, quiet=True)


@pytest.fixture(scope="module")
def run(bare_preset: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(bare_preset, data, tmp_path_factory.mktemp("runs"), adapt="head")


def plain_probabilities(run: Run) -> np.ndarray:
    model = load_model(run.folder.model)
    assert isinstance(model, ClassificationModel)
    model.calibrate(TemperatureScaling())
    return np.asarray(model.predict_text({"text": TEXTS})["probabilities"])


def test_the_saved_model_is_calibrated_and_the_test_split_says_what_it_is_worth(run: Run) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, ClassEvaluation)
    report = evaluation.calibration_report
    assert report is not None
    assert report.before is not None
    assert report.after is not None
    assert report.rows == run.folder.read("data")["report"]["rows"]["dev"] >= 100
    model = load_model(run.folder.model)
    assert model.calibration == TemperatureScaling(report.temperatures, report.rows, "")
    assert report.after.loss == evaluation.loss != report.before.loss
    assert run.evaluate() == evaluation
    assert np.abs(run.predict(TEXTS)["probabilities"] - plain_probabilities(run)).max() > 1e-3
    page = run.folder.report.read_text(encoding="utf-8")
    assert f"fitted on {report.rows} held-out rows" in page
    assert f"{report.before.error.value:.3f}" in page
    assert f"{report.after.error.value:.3f}" in page


def test_what_is_served_is_calibrated_and_the_card_says_so(run: Run, tmp_path: Path) -> None:
    version = run.export(tmp_path)
    run_answers = run.predict(TEXTS)
    with tfapp.serve(tmp_path) as server:
        answers = server.client.classify("toy", TEXTS)
    for row, answer in enumerate(answers):
        np.testing.assert_allclose(list(answer.probabilities.values()), run_answers["probabilities"][row], atol=1e-4)
    facts = json.loads((version / contract.METADATA_FILE).read_text())["calibration"]
    report = run.evaluation.calibration_report
    assert report is not None
    assert facts == json.loads(json.dumps(report.metadata()))
    card = (version / "README.md").read_text()
    assert "## Calibration" in card
    assert f"{facts['uncalibrated_negative_log_likelihood']:.4f}" in card


@pytest.mark.slow
def test_it_can_be_turned_off(bare_preset: Path, data: Path, tmp_path: Path) -> None:
    run = fit(bare_preset, data, tmp_path, adapt="head", calibrate=False)
    np.testing.assert_allclose(run.predict(TEXTS)["probabilities"], plain_probabilities(run), atol=1e-5)
    page = run.folder.report.read_text(encoding="utf-8")
    assert "Temperature 1, so the probabilities are the network's own: training.calibrate is false." in page


def test_a_small_dev_split_is_left_alone_and_the_page_says_why(toy_run: Run) -> None:
    report = toy_run.evaluation.calibration_report
    assert report is not None
    assert (report.temperatures, report.before) == ((1.0,), None)
    assert "held-out rows to fit it on, and a temperature takes 100." in toy_run.folder.report.read_text(
        encoding="utf-8"
    )


@pytest.mark.slow
def test_without_a_test_split_nothing_is_measured(bare_preset: Path, data: Path, tmp_path: Path) -> None:
    run = fit(bare_preset, data, tmp_path, shares=(0.4, 0.0), adapt="head")
    report = run.evaluation.calibration_report
    assert report is not None
    assert (report.before, report.after) == (None, None)
    assert report.rows >= 100
    assert "Not measured: there is no test split" in run.folder.report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_head_that_learns_dev_is_calibrated_by_its_folds(bare_preset: Path, data: Path, tmp_path: Path) -> None:
    run = fit(bare_preset, data, tmp_path, shares=(0.1, 0.2), adapt="head", head_penalty="cross-validation")
    report = run.evaluation.calibration_report
    assert report is not None
    rows = run.folder.read("data")["report"]["rows"]
    assert report.rows == rows["train"] >= 100 > rows["dev"]
    assert report.temperatures != (1.0,)
    assert not run.folder.held_out.exists()
