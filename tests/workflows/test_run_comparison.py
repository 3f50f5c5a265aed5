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
    found = evaluate_multi_label(["a", "b"], truth, chances, np.full(2, 0.5), texts=texts, rows=range(60))
    return replace(found, rows_fingerprint="rows")


def test_it_says_what_differs_and_which_is_better(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    second = write_run(tmp_path, "20260102-000000", class_evaluation(WORSE), training={"learning_rate": 0.5})
    found = tfapp.compare_runs(first, second)
    assert found.settings == {"training.learning_rate": [1e-4, 0.5]}
    assert found.data == {}
    assert found.metrics["accuracy"] == [pytest.approx(58 / 60), pytest.approx(44 / 60)]
    low, high = found.intervals["accuracy"][1] or (0, 0)
    assert low < 44 / 60 < high
    assert found.test is not None
    assert found.test.method == "exact McNemar test"
    assert found.test.is_different
    assert found.tests["accuracy"] == found.test
    assert found.tests["macro_f1"].is_different
    gap = (found.metrics["macro_f1"][1] or 0) - (found.metrics["macro_f1"][0] or 0)
    assert found.tests["macro_f1"].difference == pytest.approx(gap)
    assert "run 20260101-000000 is better (exact McNemar test" in found.verdict
    assert {row.better for row in found.rows} == {"first", "second"}
    (alone,) = (row for row in found.rows if row.better == "second")
    assert (alone.row, alone.text, alone.truth, alone.first, alone.second) == (3, "text 2", "tech", "money", "tech")
    assert len(found.rows) == 16
    assert found.notes == ()
    assert [record.seconds for record in (found.first, found.second)] == [120.0, 120.0]
    values = json.loads(json.dumps(found.to_dict()))
    assert values["test"]["is_different"] is True
    assert values["metrics"]["accuracy"][0]["interval"] == list(found.intervals["accuracy"][0] or ())
    assert values["curves"][0]["losses"] == [[10, 1.0], [20, 0.5]]
    page = found._repr_html_()
    assert "<svg" in page
    assert "training.learning_rate" in page
    (figure, _) = found.figures()["curves"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["20260101-000000", "20260102-000000"]


def test_an_f1_is_compared_by_a_paired_bootstrap(tmp_path: Path) -> None:
    first, second = (write_run(tmp_path, f"2026010{n}-000000", multi_label(n * n * 5)) for n in (1, 2))
    found = tfapp.compare_runs(first, second)
    kept = [multi_label(misses).answers for misses in (5, 20)]
    assert found.test == paired_bootstrap(*(one.terms for one in kept if one))
    assert "run 20260101-000000 is better (paired bootstrap, p = 0.0005)" in found.verdict
    assert len(found.rows) == 15
    assert (
        "both scored the same on each of them"
        in tfapp.compare_runs(first, write_run(tmp_path, "20260103-000000", multi_label(5))).verdict
    )


@pytest.mark.parametrize("shift", [20, 60])
def test_scores_on_other_rows_are_not_compared(tmp_path: Path, shift: int) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    # Rows 21 to 60 of the one are the first 40 of the other, with the same labels where the shift is a multiple of 3.
    other = class_evaluation([], count=30, rows="others", first=3 * (shift // 3))
    second = write_run(tmp_path, "20260102-000000", other)
    found = tfapp.compare_runs(first, second)
    shared = 30 if shift == 20 else 0
    assert f"not compared: they were evaluated on different texts (60 and 30, which share {shared})" in found.verdict
    assert f"`tfapp evaluate {second} --data FILE`" in found.verdict
    assert (found.test, found.rows) == (None, ())


def test_one_file_is_the_way_out(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, f"2026010{n}-000000", class_evaluation([], rows=str(n))) for n in (1, 2)]
    with pytest.raises(
        TrainingError, match=r"was not evaluated on more\.csv; `tfapp evaluate .* --data more\.csv` first"
    ):
        tfapp.compare_runs(*runs, data="more.csv")
    for run, wrong in zip(runs, (GOOD, WORSE), strict=True):
        folder = RunFolder(RunFolder(run).evaluation_folder("more.csv"))
        folder.path.mkdir(parents=True)
        evaluation = class_evaluation(wrong, rows="more")
        folder.write("evaluation", {"on": "more.csv"} | evaluation.to_dict())
        write_answers(folder.answers, evaluation)
    found = tfapp.compare_runs(*runs, data="more.csv")
    assert found.first.evaluated_on == "more.csv"
    assert "is better" in found.verdict
    assert len(found.rows) == 16


def test_an_older_run_says_what_is_missing(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD), answers=False)
    second = write_run(tmp_path, "20260102-000000", class_evaluation(WORSE))
    found = tfapp.compare_runs(first, second)
    assert "is better (exact McNemar test" in found.verdict
    assert found.rows == ()
    (note,) = found.notes
    assert note.startswith("run toy/20260101-000000 has no answers to single rows on record")
    assert f"`tfapp evaluate {first}` adds them" in note
    older = write_run(tmp_path, "20260103-000000", class_evaluation(GOOD, rows=""), answers=False)
    assert "of an earlier version, does not say which rows" in tfapp.compare_runs(older, second).verdict


def test_runs_that_cannot_be_compared_say_why(tmp_path: Path) -> None:
    first = write_run(tmp_path, "20260101-000000", class_evaluation(GOOD))
    with pytest.raises(TrainingError, match="compared with itself"):
        tfapp.compare_runs(first, tmp_path / "toy")
    unfinished = write_run(tmp_path, "20260102-000000", finished=False)
    with pytest.raises(TrainingError, match=r"the run is unfinished; `tfapp train .*settings\.toml --resume` first"):
        tfapp.compare_runs(first, unfinished)


def test_answers_of_other_rows_are_not_taken(tmp_path: Path) -> None:
    evaluation = class_evaluation(GOOD)
    file = tmp_path / "answers.parquet"
    write_answers(file, evaluation)
    read: Any = with_answers(file, Evaluation.from_dict(evaluation.to_dict())).answers
    assert read.terms.tolist() == evaluation.answers.terms.tolist() if evaluation.answers else False
    assert read.describe(2) == ("text 2", "tech", "money")
    assert with_answers(file, replace(evaluation, rows_fingerprint="others")).answers is None
    assert file.stat().st_mode & 0o077 == 0
    write_answers(file, replace(evaluation, answers=None))
    assert not file.exists()
    file.write_bytes(b"half")
    assert with_answers(file, evaluation).answers is None
