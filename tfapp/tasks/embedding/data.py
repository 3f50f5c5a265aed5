"""Rows that say all by standing there: each is a pair of texts that belong together, and nothing labels it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.targets import NoLabels
from tfapp.errors import DataError

__all__ = ["PairTarget"]

_LEAST = 2


class PairTarget(NoLabels):
    """Pairs without a label; see `Target`."""

    def settle(self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Each side needs two different candidates: what fits is told apart from what other rows have."""
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
