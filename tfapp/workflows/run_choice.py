"""Chooses the best of several runs by their scores on dev."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfapp.errors import TrainingError
from tfapp.evaluation.score_comparison import is_chance
from tfapp.workflows.answer_file import with_answers
from tfapp.workflows.run_records import FINISHED, RunRecord, list_runs

__all__ = ["BestRun", "best_run", "choose_best"]


@dataclass(frozen=True)
class BestRun:
    """The best of several runs.

    Attributes:
        best: It.
        others: The others on the same data, best on dev first.
        by_chance: Those of them whose test score is so near to that of the best on the same rows that the difference
            may be chance, by a paired test.
        left_out: How many runs were not looked at, since their data, and so their dev splits, are other ones, or they
            are not finished or have no score on dev.
    """

    best: RunRecord
    others: tuple[RunRecord, ...]
    by_chance: tuple[RunRecord, ...]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return {
            "best": self.best.to_dict(),
            "others": [record.to_dict() for record in self.others],
            "by_chance": [str(record.path) for record in self.by_chance],
            "left_out": self.left_out,
        }


def best_run(runs: str | Path = "runs", *, name: str | None = None) -> BestRun:
    """Returns the run with the best score on dev, of those on the data of the newest finished run.

    The test split chooses nothing; it only tells which of the others may be as good.

    Args:
        runs: The folder of all runs.
        name: The experiment's name; None: all.

    Raises:
        TrainingError: There is no such run, or none that is finished has a score on dev.
    """
    records = list_runs(runs, name=name)
    candidates = [record for record in records if record.state == FINISHED and record.dev]
    if not candidates:
        raise TrainingError(
            f"{Path(runs) / (name or '')}: no finished run has a score on dev to choose by; `tfapp runs list` shows "
            "what there is, `tfapp runs compare` compares two test scores"
        )
    newest = max(candidates, key=lambda record: record.path.name)
    rivals = sorted(
        (candidate for candidate in candidates if _group(candidate) == _group(newest)), key=_rank, reverse=True
    )
    best, *runners_up = rivals
    by_chance = tuple(record for record in runners_up if _may_be_chance(best, record))
    return BestRun(best, tuple(runners_up), by_chance, len(records) - len(rivals))


def choose_best(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Returns the best finished run on each data by its score on dev; without dev, the best by its evaluation."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for record in records:
        if record.state == FINISHED:
            groups.setdefault(_group(record), []).append(record)
    return [_best(group) for group in groups.values()]


def _best(records: Sequence[RunRecord]) -> RunRecord:
    with_dev = [record for record in records if record.dev]
    return max(with_dev, key=_rank) if with_dev else max(records, key=_test_rank)


def _group(record: RunRecord) -> tuple[str, str]:
    return record.task, record.data


def _rank(record: RunRecord) -> tuple[float, str]:
    """Returns the key to sort runs by: highest for the best one, and for the newest of several with its score."""
    return record.dev.rank if record.dev else float("-inf"), record.path.name


def _test_rank(record: RunRecord) -> tuple[float, str]:
    evaluation = record.evaluation
    sign = -1 if evaluation and evaluation.lower_is_better else 1
    return sign * evaluation.main_score if evaluation else float("-inf"), record.path.name


def _may_be_chance(best: RunRecord, other: RunRecord) -> bool:
    if best.evaluation is None or other.evaluation is None:
        return False
    first, second = (
        with_answers(record.folder.answers, record.evaluation).record(record.name)
        for record in (best, other)
        if record.evaluation
    )
    return is_chance(first, second)
