"""Texts without labels: what is learnt is in the texts themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.sources import Source
from tfapp.errors import DataError

__all__ = ["NoLabels"]


class NoLabels:
    """No label; see `Target`. The table's column `label` holds empty texts."""

    def column(self, settings: DataSettings) -> None:
        """None is read."""
        del settings

    def check_source(self, source: Source, multi_label: bool) -> None:
        """Nothing to check."""

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[[Any], Any]]:
        """`string`, always empty."""
        del settings, multi_label
        return pa.string(), lambda _: ""

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Nothing to count."""
        del column
        return {}

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """A model has to know nothing."""
        del column, settings
        return ()

    def thin(self, given: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Every row can be learnt from."""
        del given, settings
        return []

    def settle(
        self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings, multi_label: bool
    ) -> list[Finding]:
        """Train and dev need a row each."""
        del given, multi_label
        for side in ("train", "dev"):
            if not len(sides[side]):
                rows = sum(map(len, sides.values()))
                raise DataError(
                    f"{settings.train}: none of {rows} rows fell on {side}; bring more texts (a long one may be cut "
                    "into rows), give a file with data.dev, or set another data.split_seed"
                )
        return []

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """All rows."""
        del labels, settings
        return rows
