"""A classifier that may answer "none of these", from a settings file to served answers, at toy size."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfapp
from tests.toy import TOPICS, toy_experiment, toy_rows, toy_text
from tfapp import Run
from tfapp.errors import SettingsError
from tfapp.evaluation import ClassEvaluation
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import load_model

# Texts about money belong to none of the classes.
KNOWN = sorted(TOPICS.keys() - {"money"})


def write_data(file: Path, *topics: str) -> Path:
    rows = [row | {"label": row["label"] if row["label"] in KNOWN else "other"} for row in toy_rows()]
    labels = {topic if topic in KNOWN else "other" for topic in topics}
    file.write_text("".join(json.dumps(row) + "\n" for row in rows if row["label"] in labels), encoding="utf-8")
    return file


def fit(preset: Path, data: Path, runs: Path, **model: Any) -> Run:
    values = toy_experiment(preset, data, model=model)
    values["data"]["unknown_label"] = "other"
    return tfapp.fit(parse_experiment(values), runs=runs, quiet=True)


@pytest.fixture(scope="module")
def run(shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("unknown")
    return fit(shallow_preset, write_data(folder / "data.jsonl", *TOPICS), folder / "runs")


def test_it_finds_what_belongs_to_none(run: Run) -> None:
    evaluation = run.evaluation
    assert isinstance(evaluation, ClassEvaluation)
    assert evaluation.labels == (*KNOWN, "other")
    assert min(evaluation.scope()["in_scope_accuracy"], evaluation.scope()["out_of_scope_recall"]) > 0.8
    report = run.folder.report.read_text()
    assert "Out of scope recall" in report
    assert "by guidance, found of dev" in report.replace("&#39;", "'")
    assert "known texts of dev (0.0\u202f%, 95\u202f% interval" in report
    assert run.evaluate() == evaluation


def test_a_loaded_and_a_served_model_answer_so(run: Run, tmp_path: Path) -> None:
    texts = [toy_text(topic, 700 + index) for topic in sorted(TOPICS) for index in range(4)]
    run_answers = run.predict(texts)
    labels, sure = run_answers["label"], np.asarray(run_answers["unknown_score"])
    assert {"other", *KNOWN} == set(labels)
    np.testing.assert_array_equal(np.asarray(labels) == "other", sure >= 0.5)
    run.export(tmp_path)
    with tfapp.serve(tmp_path) as server:
        answers = server.client.classify("toy", texts)
    assert [answer.label for answer in answers] == list(labels)
    np.testing.assert_allclose([answer.unknown_score for answer in answers], sure, atol=1e-4)
    assert all(answer.score == answer.unknown_score for answer in answers if answer.label == "other")
    assert all(set(answer.probabilities) == set(KNOWN) for answer in answers)
    assert "should be answered `other`" in (tmp_path / "toy" / "1" / "README.md").read_text()


def test_an_average_evaluates_each_part_by_nothing_of_another(run: Run, tmp_path: Path) -> None:
    other_run = tmp_path / "toy" / "20260101-000000"
    shutil.copytree(run.path, other_run)
    model = load_model(other_run / "model")
    *body, kernel, bias = model.network.get_weights()
    # Its labels are the same, and its logits are farther out than those of unknown texts in the first run.
    model.network.set_weights([*body, 10 * kernel, 10 * bias])
    model.save(other_run / "model")
    average = tfapp.average_runs([run, other_run], method="uniform", to=tmp_path / "averages", quiet=True)
    first, second = average.folder.read("parts")["parts"]
    assert first["dev"] == second["dev"]
    assert isinstance(average.evaluation, ClassEvaluation)
    assert average.evaluation.scope() == run.evaluation.scope()
    assert "by guidance, found of dev" in average.evaluation.unknown_method


@pytest.mark.slow
@pytest.mark.parametrize("by", ["boundary", "guidance"])
def test_each_way_to_measure_is_in_the_served_graph(shallow_preset: Path, tmp_path: Path, by: str) -> None:
    run = fit(shallow_preset, write_data(tmp_path / "data.jsonl", *TOPICS), tmp_path / "runs", unknown_by=by)
    texts = [toy_text(topic, 700 + index) for topic in sorted(TOPICS) for index in range(4)]
    run_answers = run.predict(texts)
    assert {"other", *KNOWN} == set(run_answers["label"])
    run.export(tmp_path / "models")
    with tfapp.serve(tmp_path / "models") as server:
        answers = server.client.classify("toy", texts)
    assert [answer.label for answer in answers] == list(run_answers["label"])
    np.testing.assert_allclose([answer.unknown_score for answer in answers], run_answers["unknown_score"], atol=1e-4)


@pytest.mark.slow
def test_rows_of_none_may_be_on_one_side_only(shallow_preset: Path, tmp_path: Path) -> None:
    file = write_data(tmp_path / "known.jsonl", *KNOWN)
    run = fit(shallow_preset, file, tmp_path / "runs", unknown_share=0.2, unknown_by="energy")
    assert isinstance(run.evaluation, ClassEvaluation)
    assert "out_of_scope_recall" not in run.evaluation.scope()
    evaluation = run.evaluate(write_data(tmp_path / "all.jsonl", *TOPICS))
    assert isinstance(evaluation, ClassEvaluation)
    assert "out_of_scope_recall" in evaluation.scope()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"model": {"multi_label": True}}, "model.multi_label and data.unknown_label exclude each other"),
        ({"task": "ranking"}, "data.unknown_label is not read by the task ranking"),
    ],
)
def test_what_it_does_not_go_with_is_named(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    values = {"name": "toy", "data": {"train": "x.csv", "unknown_label": "other"}, **changes}
    with pytest.raises(SettingsError, match=complaint):
        parse_experiment(values)
