"""Tests whether two models' scores on the same rows tell which of them is better."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfapp.core.wording import pluralize
from tfapp.evaluation.paired_tests import LEVEL, PairedTest, mcnemar, paired_bootstrap

__all__ = ["ScoreRecord", "are_same_rows", "compare_scores", "fewest_apart", "is_chance", "paired_test"]


@dataclass(frozen=True)
class ScoreRecord:
    """The record of a model's main score.

    Attributes:
        model: Names the model in a sentence, such as "version 1".
        name: What the score is, such as "accuracy".
        score: The score.
        count: What was evaluated, in `unit`.
        unit: What is counted, in the plural.
        rows: Tells the evaluated rows from others; empty: not known.
        interval: 95 % interval of the score; None: not known.
        wrong: The rows that are wrong, counted from 0; None: not known, or rows are not right or wrong.
        terms: float64[G, 2], the shares of the rows in the score, those of a group summed, as `RowAnswers` has them;
            None: not known.
        square_root: As in `RowAnswers`.
        lower_is_better: Whether a lower score is better, as of an error.
    """

    model: str
    name: str
    score: float
    count: int
    unit: str
    rows: str = ""
    interval: tuple[float, float] | None = None
    wrong: frozenset[int] | None = None
    terms: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    square_root: bool = False
    lower_is_better: bool = False


def are_same_rows(first: ScoreRecord, second: ScoreRecord) -> bool:
    """Returns whether it is known that two scores are of the same rows."""
    return bool(first.rows) and first.rows == second.rows and first.count == second.count


def paired_test(first: ScoreRecord, second: ScoreRecord) -> PairedTest | None:
    """Returns the paired test of two scores on the same rows.

    It is the exact test of McNemar where it is known which rows each model gets wrong, else a paired bootstrap over the
    rows. It is None where the rows or the scores are not the same, or where too little is known of the rows.
    """
    if first.name != second.name or not are_same_rows(first, second):
        return None
    if first.wrong is not None and second.wrong is not None:
        return mcnemar(first.wrong, second.wrong, first.count)
    if first.terms is None or second.terms is None or len(first.terms) != len(second.terms):
        return None
    return paired_bootstrap(first.terms, second.terms, square_root=first.square_root)


def compare_scores(first: ScoreRecord, second: ScoreRecord) -> str:
    """Returns in a sentence how much two scores differ, and whether that shows which model is better.

    Where the rows are the same and it is known which of them each model gets wrong, the exact test of McNemar ("Note on
    the sampling error of the difference between correlated proportions or percentages", 1947) decides; where the shares
    of the rows in the scores are known, a paired bootstrap; else the intervals do. The sentence is empty where the
    scores are of different kinds.
    """
    if first.name != second.name:
        return ""
    scores = f"{first.name} {first.score:.3f} of {first.model} and {second.score:.3f} of {second.model}"
    if first.rows != second.rows or first.count != second.count:
        return f"{scores} are of different {first.unit}: evaluate both models on one file to compare them"
    if first.name == "accuracy":
        difference = round(abs(first.score - second.score) * first.count)
        scores = f"{scores} differ by {difference:,} of {first.count:,} {first.unit}"
    else:
        scores = f"{scores}, on {first.count:,} {first.unit}"
    result = paired_test(first, second)
    return f"{scores}{_test_note(first, second, result) if result else _interval_note(first, second)}"


def is_chance(first: ScoreRecord, second: ScoreRecord) -> bool:
    """Returns whether two scores may well differ by chance, by the same test on the same rows; False where none tells.

    What the intervals say of scores on the same rows is not asked: they are wider than that of the difference.
    """
    result = paired_test(first, second)
    return result is not None and not result.is_different


def fewest_apart() -> int:
    """Returns how many rows one model must get right and the other wrong, and none the other way, to be called better.

    Of n such rows, all on one side by chance has the probability 2 * 0.5 ** n.
    """
    rows = 1
    while 2 * 0.5**rows >= LEVEL:
        rows += 1
    return rows


def _test_note(first: ScoreRecord, second: ScoreRecord, result: PairedTest) -> str:
    p_value = f"({result.method}, p = {result.p_value:.2g})"
    winner = second if (result.difference > 0) != first.lower_is_better else first
    verdict = f"{winner.model} is better" if result.is_different else "too few to tell which is better"
    if first.wrong is not None and second.wrong is not None:
        gains, losses = len(second.wrong - first.wrong), len(first.wrong - second.wrong)
        if not gains + losses:
            return ": both make the same mistakes" if first.wrong else ": neither makes a mistake"
        count = pluralize(gains, first.unit.removesuffix("s"), thousands=True)
        return f"; {first.model} alone is right on {count}, {second.model} alone on {losses:,}: {verdict} {p_value}"
    low, high = result.interval
    if low == high == 0:
        return ": both scored the same on each of them"
    interval = f"{result.difference:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
    return f"; the difference is {interval}: {verdict} {p_value}"


def _interval_note(first: ScoreRecord, second: ScoreRecord) -> str:
    if first.interval is None or second.interval is None:
        return ""
    intervals = " and ".join(f"{low:.3f} to {high:.3f}" for low, high in (first.interval, second.interval))
    is_disjoint = first.interval[0] > second.interval[1] or second.interval[0] > first.interval[1]
    verdict = (
        "do not overlap: the difference is real" if is_disjoint else "overlap: these scores do not tell which is better"
    )
    return f"; the 95 % intervals {intervals} {verdict}"
