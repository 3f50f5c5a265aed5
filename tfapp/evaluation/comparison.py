"""Tests whether two models' scores on the same rows tell which of them is better."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ScoreRecord", "compare_scores", "fewest_apart", "is_chance"]

_LEVEL = 0.05


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
    """

    model: str
    name: str
    score: float
    count: int
    unit: str
    rows: str = ""
    interval: tuple[float, float] | None = None
    wrong: frozenset[int] | None = None


def compare_scores(first: ScoreRecord, second: ScoreRecord) -> str:
    """Returns in a sentence how far apart two scores are, and whether that tells which model is better.

    Where the rows are the same and it is known which of them each model gets wrong, the exact test of McNemar ("Note on
    the sampling error of the difference between correlated proportions or percentages", 1947) decides; else the
    intervals do. The sentence is empty where the scores are of different kinds.
    """
    if first.name != second.name:
        return ""
    scores = f"{first.name} {first.score:.3f} of {first.model} and {second.score:.3f} of {second.model}"
    if first.rows != second.rows or first.count != second.count:
        return f"{scores} are of different {first.unit}: evaluate both models on one file to compare them"
    if first.name == "accuracy":
        apart = round(abs(first.score - second.score) * first.count)
        scores = f"{scores} are {apart:,} of {first.count:,} {first.unit} apart"
    else:
        scores = f"{scores}, on {first.count:,} {first.unit}"
    if first.wrong is not None and second.wrong is not None:
        return f"{scores}{_mcnemar_note(first, first.wrong, second, second.wrong)}"
    return f"{scores}{_interval_note(first, second)}"


def is_chance(first: ScoreRecord, second: ScoreRecord) -> bool:
    """Returns whether two scores may well differ by chance, by the same test on the same rows; False where none tells.

    What the intervals say of scores on the same rows is not asked: they are wider than that of the difference.
    """
    if first.name != second.name or first.rows != second.rows or first.count != second.count or not first.rows:
        return False
    return first.wrong is not None and second.wrong is not None and _p_value(first.wrong, second.wrong) >= _LEVEL


def fewest_apart() -> int:
    """Returns how many rows one model must get right and the other wrong, and none the other way, to be called better.

    Of n such rows, all on one side by chance has the probability 2 * 0.5 ** n.
    """
    rows = 1
    while 2 * 0.5**rows >= _LEVEL:
        rows += 1
    return rows


def _mcnemar_note(
    first: ScoreRecord, first_wrong: frozenset[int], second: ScoreRecord, second_wrong: frozenset[int]
) -> str:
    gains, losses = len(second_wrong - first_wrong), len(first_wrong - second_wrong)
    if not gains + losses:
        return ": both are wrong about the same ones"
    p = _p_value(first_wrong, second_wrong)
    better = first if gains > losses else second
    verdict = f"{better.model} is better" if p < _LEVEL else "too few to tell which is better"
    counts = f"{gains:,} are right in {first.model} alone, {losses:,} in {second.model} alone"
    return f"; {counts}: {verdict} (exact McNemar test, p = {p:.2g})"


def _p_value(first_wrong: frozenset[int], second_wrong: frozenset[int]) -> float:
    from scipy.stats import binomtest

    gains, losses = len(second_wrong - first_wrong), len(first_wrong - second_wrong)
    return float(binomtest(gains, gains + losses).pvalue) if gains + losses else 1.0


def _interval_note(first: ScoreRecord, second: ScoreRecord) -> str:
    if first.interval is None or second.interval is None:
        return ""
    intervals = " and ".join(f"{low:.3f} to {high:.3f}" for low, high in (first.interval, second.interval))
    apart = first.interval[0] > second.interval[1] or second.interval[0] > first.interval[1]
    verdict = "do not overlap: the difference is real" if apart else "overlap: these scores do not tell which is better"
    return f"; the 95 % intervals {intervals} {verdict}"
