"""Texts without labels: what is learnt is in the texts themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.targets import Target
from tfapp.errors import DataError

__all__ = ["NoLabels"]


class NoLabels(Target):
    """No label; see `Target`. The table's column `label` holds empty texts."""

    def column(self, settings: DataSettings) -> None:
        """Returns None: no column is read."""
        del settings

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[[Any], Any]]:
        """Returns `string`, always empty."""
        del settings, multi_label
        return pa.string(), lambda _: ""

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Returns nothing: there is nothing to count."""
        del column
        return {}

    def settle(self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Checks that train and dev have a row each."""
        del given
        for side in ("train", "dev"):
            if not len(sides[side]):
                rows = sum(map(len, sides.values()))
                raise DataError(
                    f"{settings.train}: none of {rows} rows fell on {side}; bring more texts (a long one may be cut "
                    "into rows), give a file with data.dev, or set another data.split_seed"
                )
        return []
