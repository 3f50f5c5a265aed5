"""The target of regressors: any finite number, in the unit of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.labels import as_label, as_number, known_numbers
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import Target
from tfapp.errors import DataError

__all__ = ["NumberTarget"]

_MOST_COUNTED: Final = 20


class NumberTarget(Target):
    """The target of a regressor: numbers."""

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns `double`, and `as_number`."""
        del settings, multi_label
        return pa.float64(), lambda value, *_: as_number(value)

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Returns the rows of each number, lowest first; none where most are met once, or there are over twenty."""
        numbers, counts = np.unique(known_numbers(column), return_counts=True)
        if len(numbers) > min(_MOST_COUNTED, len(column) // 2):
            return {}
        return {as_label(number) or "": count for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)}

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """Returns the mean and the standard deviation; nothing without rows."""
        del settings
        numbers = known_numbers(column)
        return (repr(float(numbers.mean())), repr(float(numbers.std()))) if len(numbers) else ()

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Gives train two different numbers, and each split that was cut from it a row; checks that they have them."""
        findings = fill_splits(splits, from_files, settings, _suffices)
        numbers = known_numbers(splits["train"].table["label"])
        if not len(numbers) or not numbers.std():
            content = f"only the number {as_label(float(numbers[0]))}" if len(numbers) else "no row"
            raise DataError(
                f"{settings.train}: train has {content}, but a regression needs different numbers; check data.label"
            )
        shares = {"dev": settings.dev_share, "test": settings.test_share}
        for name in ("dev", "test"):
            if name not in from_files and shares[name] and not len(splits[name]):
                raise DataError(
                    f"{settings.train}: {name} has no row; set another data.split_seed than {settings.split_seed}, "
                    f"add rows, or give a file with data.{name}"
                )
        return findings


def _suffices(split: str, rows: Rows) -> bool:
    return len(np.unique(known_numbers(rows.table["label"]))) > (1 if split == "train" else 0)
