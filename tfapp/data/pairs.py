"""Rows that say all by standing there: each is a pair of texts that belong together, and nothing labels it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.sources import Source
from tfapp.errors import DataError

__all__ = ["NoTarget"]

_LEAST = 2


class NoTarget:
    """No label; see `Target`. The table's column `label` is true in every row."""

    def column(self, settings: DataSettings) -> None:
        """None."""
        del settings

    def check_source(self, source: Source, multi_label: bool) -> None:
        """Nothing to check."""

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[[Any], Any]]:
        """`bool`."""
        del settings, multi_label
        return pa.bool_(), lambda _: True

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Nothing to count."""
        del column
        return {}

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """Nothing to know."""
        del column, settings
        return ()

    def thin(self, given: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Every row can be learnt from."""
        del given, settings
        return []

    def settle(
        self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings, multi_label: bool
    ) -> list[Finding]:
        """Each side needs two different candidates: what fits is told apart from what other rows have."""
        del multi_label
        shares = {"train": 1.0, "dev": settings.dev_share, "test": settings.test_share}
        for side, rows in sides.items():
            few = len(np.unique(rows.table["candidate"].to_numpy(zero_copy_only=False))) < _LEAST
            if few and (side in given or shares[side]):
                raise DataError(
                    f"{given[side].name if side in given else settings.train}: {side} needs at least two different "
                    f"candidates, it has {len(rows)} {'row' if len(rows) == 1 else 'rows'}; add rows, set another "
                    "data.split_seed, or give files with data.dev and data.test"
                )
        return []

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Any pair can be evaluated on."""
        del labels, settings
        return rows
