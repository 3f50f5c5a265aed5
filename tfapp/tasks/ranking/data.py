"""The target of rankers: grades of how well a candidate fits its query, 0 for not at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.labels import as_float, as_label, known_numbers
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import Target
from tfapp.errors import DataError

__all__ = ["GradeTarget", "as_grade"]

_MOST_COUNTED: Final = 20
_NO_GRADE: Final = "is no grade: a number of 0 (does not fit) or more"


def as_grade(value: Any) -> float | None:
    """Turns a value of a column of grades into a number; None, NaN and white space are no grade.

    Raises:
        ValueError: It is no finite number of 0 or more.
    """
    grade = as_float(value, _NO_GRADE)
    if grade is not None and not 0 <= grade < math.inf:
        raise ValueError(_NO_GRADE)
    return grade


class GradeTarget(Target):
    """The target of a ranker: grades."""

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns `double` and the parser of a grade."""
        del settings, multi_label
        return pa.float64(), lambda value, *_: as_grade(value)

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Counts rows by grade, lowest first; none where there are more than twenty grades."""
        grades, counts = np.unique(known_numbers(column), return_counts=True)
        if len(grades) > _MOST_COUNTED:
            return {}
        return {_name(grade): count for grade, count in zip(grades.tolist(), counts.tolist(), strict=True)}

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """Returns the lowest and the highest grade; nothing without rows."""
        del settings
        grades = known_numbers(column)
        return (_name(float(grades.min())), _name(float(grades.max()))) if len(grades) else ()

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Gives train two grades, and a split that was cut off from it a row that fits; checks that they have them."""
        findings = fill_splits(splits, from_files, settings, _suffices)
        grades = self.names(splits["train"].table["label"], settings)
        if len(set(grades)) < 2:
            content = f"only the grade {grades[0]}" if grades else "no row"
            raise DataError(
                f"{settings.train}: train has {content}, but a ranker needs at least two grades: 0 for what does not "
                "fit, 1 or more for what does; check data.label"
            )
        shares = {"dev": settings.dev_share, "test": settings.test_share}
        for split in ("dev", "test"):
            if (
                split not in from_files
                and shares[split]
                and not (known_numbers(splits[split].table["label"]) > 0).any()
            ):
                raise DataError(
                    f"{settings.train}: {split} has no row with a grade over 0; set another data.split_seed than "
                    f"{settings.split_seed}, add queries, or give files with data.dev and data.test"
                )
        return findings


def _suffices(split: str, rows: Rows) -> bool:
    grades = known_numbers(rows.table["label"])
    return len(np.unique(grades)) > 1 if split == "train" else bool((grades > 0).any())


def _name(grade: float) -> str:
    return as_label(grade) or ""
