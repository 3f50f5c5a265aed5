"""Chooses between the candidates of a plan, and says whether dev has enough rows to tell them apart."""

from __future__ import annotations

from collections.abc import Sequence

from tfapp.evaluation.score_comparison import ScoreRecord, is_chance
from tfapp.workflows.candidate_run import CandidateResult

__all__ = ["best_candidate", "candidate_tie_note"]


def best_candidate(results: Sequence[CandidateResult]) -> CandidateResult:
    """Returns the best on dev; of several that are equally good, the first."""
    return max(results, key=lambda result: result.rank)


def candidate_tie_note(results: Sequence[CandidateResult]) -> str:
    """Returns in a sentence that dev does not tell the best candidate from the first, or the first from the next.

    The test is that of `is_chance`: exact, and paired on the rows of dev. Where rows are not right or wrong, the 95 %
    intervals say it, which are wider than that of the difference. The sentence is empty where dev tells.
    """
    best = best_candidate(results)
    others = [results[0]] if best is not results[0] else [result for result in results if result is not best]
    if not others:
        return ""
    first, second = best.dev_record, best_candidate(others).dev_record
    if first is None or second is None:
        return ""
    names = f"comparison: {first.model} and {second.model}"
    if first.score == second.score:
        return f"{names} are equally good on the {first.count:,} {first.unit} of dev; the one that was first was kept"
    if is_chance(first, second):
        difference = round(abs(first.score - second.score) * first.count)
        return (
            f"{names} differ by {difference:,} of {first.count:,} {first.unit} of dev, which chance explains; the one "
            "with the higher score was kept"
        )
    if first.wrong is None and _overlap(first, second):
        return (
            f"{names} have {first.name} {first.score:.3f} and {second.score:.3f} on the {first.count:,} {first.unit} "
            "of dev, which chance may explain, since the 95 % intervals overlap; the better one was kept"
        )
    return ""


def _overlap(first: ScoreRecord, second: ScoreRecord) -> bool:
    if first.interval is None or second.interval is None:
        return False
    return first.interval[0] <= second.interval[1] and second.interval[0] <= first.interval[1]
