"""What is learnt from a row: how it is read, and what must hold of it over the sides of a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.sources import Source

__all__ = ["Target"]


class Target(Protocol):
    """One kind of `label` column: names of classes, grades, answers."""

    def column(self, settings: DataSettings) -> tuple[str, str] | None:
        """The file's column, and the setting that names it; None: every row's value is what `reader` makes of None."""

    def check_source(self, source: Source, multi_label: bool) -> None:
        """Checks settings and format against each other.

        Raises:
            DataError: They do not go together.
        """

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """The type of the table's column, and what turns a file's value into one of it, given the row's texts too.

        The function gives None for what is missing and raises a ValueError that says what is wrong, without subject.
        """

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Rows by label, in the labels' order; empty where that would say nothing."""

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """What a model must know of train's column before it is built."""

    def thin(self, given: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops from `given["train"]`, before the split, what nothing can be learnt from."""

    def settle(
        self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings, multi_label: bool
    ) -> list[Finding]:
        """Checks the sides, and drops from given files what train lacks.

        Raises:
            DataError: Nothing can be learnt from train, or a side that was split off lacks something.
        """

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Drops rows to be evaluated whose label the model does not know, or fails."""
