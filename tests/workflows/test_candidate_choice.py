"""Tests whether chance explains that one candidate is better on dev than another, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tfapp.tasks.experiments import parse_experiment
from tfapp.training import RunFolder
from tfapp.workflows.candidate_choice import best_candidate, candidate_tie_note
from tfapp.workflows.candidate_run import CandidateResult
from tfapp.workflows.plan import PlannedCandidate

NAMES = ("output layer alone", "all weights", "all weights at twice the rate")


def results(task: str, *devs: dict[str, Any]) -> list[CandidateResult]:
    experiment = parse_experiment({"name": "a", "task": task, "data": {"train": "a.csv"}})
    candidates = [PlannedCandidate(name, "why", experiment) for name in NAMES]
    folder = RunFolder(Path("nowhere"))
    return [CandidateResult(candidate, folder, {}, dev, 1.0) for candidate, dev in zip(candidates, devs, strict=False)]


def right(count: int, *wrong_rows: int) -> dict[str, Any]:
    """The dev scores of a classifier that is wrong about these rows."""
    score = {"score_name": "accuracy", "score": 1 - len(wrong_rows) / count, "loss": 0.1, "interval": [0.0, 1.0]}
    return {**score, "count": count, "unit": "texts", "wrong": list(wrong_rows)}


def error(score: float, low: float, high: float) -> dict[str, Any]:
    scores = {"score_name": "RMSE", "score": score, "loss": score, "interval": [low, high]}
    return {**scores, "count": 50, "unit": "texts", "wrong": None}


def test_few_rows_that_differ_are_chance() -> None:
    ones = results("classification", right(60, 1, 2, 3, 4), right(60, 9), right(60, 1, 2, 3))
    assert best_candidate(ones).candidate.name == "all weights"
    assert candidate_tie_note(ones) == (
        "comparison: all weights and output layer alone differ by 3 of 60 texts of dev, which chance explains; the one "
        "with the higher score was kept"
    )


def test_the_first_is_compared_with_the_next_best() -> None:
    ones = results("classification", right(60, 1), right(60, 1, 2, 3, 4, 5, 6, 7, 8), right(60, 1, 2))
    assert candidate_tie_note(ones).startswith(
        "comparison: output layer alone and all weights at twice the rate differ by 1 "
    )
    equal = results("classification", right(60, 1), right(60, 7))
    assert best_candidate(equal) is equal[0]
    assert "are equally good on the 60 texts of dev" in candidate_tie_note(equal)


def test_what_dev_tells_apart_is_not_chance() -> None:
    # Six rows, all on one side, are the fewest that the exact test takes for more than chance.
    assert candidate_tie_note(results("classification", right(60, *range(6)), right(60))) == ""
    assert candidate_tie_note(results("classification", right(60, *range(5)), right(60))) != ""
    assert candidate_tie_note(results("classification", right(60))) == ""
    assert candidate_tie_note(results("classification", {}, {})) == ""


@pytest.mark.parametrize(("low", "high", "expected"), [(1.8, 2.6, True), (1.0, 1.9, False)])
def test_intervals_tell_where_rows_are_not_right_or_wrong(low: float, high: float, expected: bool) -> None:
    ones = results("regression", error(2.5, 2.0, 3.0), error((low + high) / 2, low, high))
    assert best_candidate(ones).candidate.name == "all weights"
    assert (
        "RMSE 2.200 and 2.500 on the 50 texts of dev, which chance may explain" in candidate_tie_note(ones)
    ) == expected
    assert bool(candidate_tie_note(ones)) == expected


def test_runs_of_before_and_what_is_chosen_by_the_loss_say_nothing() -> None:
    old = {name: value for name, value in right(60, 1).items() if name not in ("unit", "wrong")}
    assert candidate_tie_note(results("classification", old, old)) == ""
    assert candidate_tie_note(results("pretraining", error(2.5, 2.0, 3.0), error(2.4, 2.0, 3.0))) == ""


def test_the_rows_that_are_wrong_are_not_told_with_the_scores() -> None:
    (result,) = results("classification", right(60, 1))
    result = CandidateResult(result.candidate, result.folder, {"epochs": 1}, result.dev, 1.0)
    assert result.to_dict()["dev"].keys() == {"score_name", "score", "loss", "interval", "count"}
