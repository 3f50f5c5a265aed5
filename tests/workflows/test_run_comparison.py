"""Two runs beside each other, by folders without a training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tfapp
from tests.run_folders import class_evaluation, write_run
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.evaluation.class_scores import evaluate_multi_label
from tfapp.evaluation.paired_tests import paired_bootstrap
from tfapp.training import RunFolder
from tfapp.workflows.answer_file import with_answers, write_answers

GOOD, WORSE = [1, 2], [1, *range(5, 20)]


def multi_label(misses: int) -> Evaluation:
    truth = np.ones((60, 2), bool)
    chances = np.full((60, 2), 0.9)
    chances[:misses, 0] = 0.1
    texts = [f"text {number}" for number in range(60)]
    evaluation = evaluate_multi_label(["a", "b"], truth, chances, np.full(2, 0.5), texts=texts, rows=range(60))
    return replace(evaluation, rows_fingerprint="rows")


def test_it_says_what_differs_and_which_is_better(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    second = write_run(tmp_path, "20260102-000000", class_evaluation(WORSE), training={"learning_rate": 0.5})
    comparison = tfapp.compare_runs(first, second)
    assert comparison.settings == {"training.learning_rate": [1e-4, 0.5]}
    assert comparison.data == {}
    assert comparison.metrics["accuracy"] == [pytest.approx(58 / 60), pytest.approx(44 / 60)]
    low, high = comparison.intervals["accuracy"][1] or (0, 0)
    assert low < 44 / 60 < high
    assert comparison.test is not None
    assert comparison.test.method == "exact McNemar test"
    assert comparison.test.is_different
    assert comparison.tests["accuracy"] == comparison.test
    assert comparison.tests["macro_f1"].is_different
    gap = (comparison.metrics["macro_f1"][1] or 0) - (comparison.metrics["macro_f1"][0] or 0)
    assert comparison.tests["macro_f1"].difference == pytest.approx(gap)
    assert "run 20260101-000000 is better (exact McNemar test" in comparison.verdict
    assert {row.better for row in comparison.rows} == {"first", "second"}
    (row,) = (row for row in comparison.rows if row.better == "second")
    assert (row.row, row.text, row.truth, row.first, row.second) == (3, "text 2", "tech", "money", "tech")
    assert len(comparison.rows) == 16
    assert comparison.notes == ()
    assert [record.seconds for record in (comparison.first, comparison.second)] == [120.0, 120.0]
    values = json.loads(json.dumps(comparison.to_dict()))
    assert values["test"]["is_different"] is True
    assert values["metrics"]["accuracy"][0]["interval"] == list(comparison.intervals["accuracy"][0] or ())
    assert values["curves"][0]["losses"] == [[10, 1.0], [20, 0.5]]
    page = comparison._repr_html_()
    assert "<svg" in page
    assert "training.learning_rate" in page
    (figure, _) = comparison.figures()["curves"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["20260101-000000", "20260102-000000"]


def test_an_f1_is_compared_by_a_paired_bootstrap(tmp_path: Path) -> None:
    first, second = (write_run(tmp_path, f"2026010{n}-000000", multi_label(n * n * 5)) for n in (1, 2))
    comparison = tfapp.compare_runs(first, second)
    answers = [multi_label(misses).answers for misses in (5, 20)]
    assert comparison.test == paired_bootstrap(*(scores.terms for scores in answers if scores))
    assert "run 20260101-000000 is better (paired bootstrap, p = 0.0005)" in comparison.verdict
    assert len(comparison.rows) == 15
    assert (
        "both scored the same on each of them"
        in tfapp.compare_runs(first, write_run(tmp_path, "20260103-000000", multi_label(5))).verdict
    )


@pytest.mark.parametrize("shift", [20, 60])
def test_scores_on_other_rows_are_not_compared(tmp_path: Path, shift: int) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    # Rows 21 to 60 of the one are the first 40 of the other, with the same labels where the shift is a multiple of 3.
    other_evaluation = class_evaluation([], count=30, rows="others", first=3 * (shift // 3))
    second = write_run(tmp_path, "20260102-000000", other_evaluation)
    comparison = tfapp.compare_runs(first, second)
    overlap = 30 if shift == 20 else 0
    assert (
        f"not compared: they were evaluated on different texts (60 and 30, which share {overlap})" in comparison.verdict
    )
    assert f"`tfapp evaluate {second} --data FILE`" in comparison.verdict
    assert (comparison.test, comparison.rows) == (None, ())


def test_one_file_is_the_way_out(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, f"2026010{n}-000000", class_evaluation([], rows=str(n))) for n in (1, 2)]
    with pytest.raises(
        TrainingError, match=r"was not evaluated on more\.csv; `tfapp evaluate .* --data more\.csv` first"
    ):
        tfapp.compare_runs(*runs, data="more.csv")
    for run, mistakes in zip(runs, (GOOD, WORSE), strict=True):
        folder = RunFolder(RunFolder(run).evaluation_folder("more.csv"))
        folder.path.mkdir(parents=True)
        evaluation = class_evaluation(mistakes, rows="more")
        folder.write("evaluation", {"on": "more.csv"} | evaluation.to_dict())
        write_answers(folder.answers, evaluation)
    comparison = tfapp.compare_runs(*runs, data="more.csv")
    assert comparison.first.evaluated_on == "more.csv"
    assert "is better" in comparison.verdict
    assert len(comparison.rows) == 16


def test_an_older_run_says_what_is_missing(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD), answers=False)
    second = write_run(tmp_path, "20260102-000000", class_evaluation(WORSE))
    comparison = tfapp.compare_runs(first, second)
    assert "is better (exact McNemar test" in comparison.verdict
    assert comparison.rows == ()
    (note,) = comparison.notes
    assert note.startswith("run toy/20260101-000000 has no answers to single rows on record")
    assert f"`tfapp evaluate {first}` adds them" in note
    older = write_run(tmp_path, "20260103-000000", class_evaluation(GOOD, rows=""), answers=False)
    assert "of an earlier version, does not say which rows" in tfapp.compare_runs(older, second).verdict


def test_runs_that_cannot_be_compared_say_why(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    with pytest.raises(TrainingError, match="compared with itself"):
        tfapp.compare_runs(first, tmp_path / "toy")
    unfinished_run = write_run(tmp_path, "20260102-000000", finished=False)
    with pytest.raises(TrainingError, match=r"the run is unfinished; `tfapp train .*settings\.toml --resume` first"):
        tfapp.compare_runs(first, unfinished_run)


def test_answers_of_other_rows_are_not_taken(tmp_path: Path) -> None:
    evaluation = class_evaluation(GOOD)
    file = tmp_path / "answers.parquet"
    write_answers(file, evaluation)
    answers: Any = with_answers(file, Evaluation.from_dict(evaluation.to_dict())).answers
    assert answers.terms.tolist() == evaluation.answers.terms.tolist() if evaluation.answers else False
    assert answers.describe(2) == ("text 2", "tech", "money")
    assert with_answers(file, replace(evaluation, rows_fingerprint="others")).answers is None
    assert file.stat().st_mode & 0o077 == 0
    write_answers(file, replace(evaluation, answers=None))
    assert not file.exists()
    file.write_bytes(b"half")
    assert with_answers(file, evaluation).answers is None
