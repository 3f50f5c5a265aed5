"""Compares the main scores of two versions, as far as their metadata tell on which rows they were evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfapp.evaluation.score_comparison import ScoreRecord, compare_scores, is_chance
from tfapp.registry import VersionMetadata

__all__ = ["compare_version_scores", "differ_by_chance"]


def compare_version_scores(old: VersionMetadata, new: VersionMetadata) -> str:
    """Returns in a sentence whether the main scores tell which version is better; empty where they are the same."""
    first, second = _score_records(old, new)
    return compare_scores(first, second) if first and second and first.score != second.score else ""


def differ_by_chance(old: VersionMetadata, new: VersionMetadata) -> bool:
    """Returns whether two versions, tried on the same rows, may well differ in their main scores by chance."""
    first, second = _score_records(old, new)
    return first is not None and second is not None and is_chance(first, second)


def _score_records(old: VersionMetadata, new: VersionMetadata) -> tuple[ScoreRecord | None, ScoreRecord | None]:
    # Versions of before have the data's fingerprint alone, which covers the test split, too.
    is_whole = not (old.evaluation.get("rows") and new.evaluation.get("rows"))
    return _score_record(old, is_whole=is_whole), _score_record(new, is_whole=is_whole)


def _score_record(version: VersionMetadata, *, is_whole: bool) -> ScoreRecord | None:
    """Returns a version's main score, with the fingerprint of the whole data or of the evaluated rows.

    It is None where there is none on record.
    """
    score, record = version.score, version.evaluation
    if score is None:
        return None
    metrics = version.metrics
    counts = {name: value for name, value in metrics.items() if isinstance(value, int) and not isinstance(value, bool)}
    unit, count = next(iter(counts.items()), ("rows", 0))
    rows = version.data.get("fingerprint") if is_whole else record["rows"]
    interval = [end for end in _list(record, "interval") if isinstance(end, int | float)]
    wrong_rows = frozenset(row for row in _list(record, "wrong") if isinstance(row, int)) if "wrong" in record else None
    return ScoreRecord(
        f"version {version.version}",
        *score,
        count,
        unit,
        str(rows or version.path),
        (interval[0], interval[1]) if len(interval) == 2 else None,
        wrong_rows,
    )


def _list(values: Mapping[str, Any], name: str) -> list[Any]:
    value = values.get(name)
    return value if isinstance(value, list) else []
