"""Finds texts that several splits hold: to drop them from the training, or to know of them beside a test's score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfapp.config import OnOverlap
from tfapp.data.cleaning import ACTIONS, CleanRows, Mask, Rows, found_rows, mark_repeats
from tfapp.data.splits import Splits

__all__ = ["OverlapMasks", "drop_overlap", "find_overlap"]


def drop_overlap(rows: Rows, other: Rows, on: OnOverlap = "drop") -> CleanRows:
    """Drops rows whose text is in another source, so that nothing learnt from is tested on, or only finds them."""
    overlaps = np.isin(rows.keys, other.keys)
    findings = found_rows(rows, overlaps, "overlap", f"with a {rows.noun} of {other.name}", ACTIONS[on])
    return rows if on == "keep" else rows.keep(~overlaps), findings


@dataclass(frozen=True, eq=False)
class OverlapMasks:
    """Masks of the rows of a table that say little of how a model does on new texts; bool [rows] each.

    Attributes:
        repeated: They repeat an earlier row of the table.
        learnt: Their texts are in the train split.
        left_out: Their texts were in train's file, and were dropped from it.
        chosen: Their texts are in the dev split, which chose the best epoch.
    """

    repeated: Mask
    learnt: Mask
    left_out: Mask
    chosen: Mask

    @property
    def any(self) -> Mask:
        """Returns the rows that any of the masks has."""
        return self.repeated | self.learnt | self.left_out | self.chosen


def find_overlap(table: pa.Table, splits: Splits, *, on_dev: bool = False) -> OverlapMasks:
    """Compares a table with the splits that a model was trained on.

    Args:
        table: Rows to evaluate the model on, as `Splits.test` has them.
        splits: What the model was trained on.
        on_dev: The table is the dev split itself.
    """
    rows = _rows(table, splits)
    no_row = np.zeros(len(rows), bool)
    return OverlapMasks(
        repeated=mark_repeats(rows)[0],
        learnt=_mask_shared(rows, splits.train, splits),
        left_out=np.isin(rows.keys, splits.left_out),
        chosen=no_row if on_dev else _mask_shared(rows, splits.dev, splits),
    )


def _mask_shared(rows: Rows, table: pa.Table, splits: Splits) -> npt.NDArray[np.bool_]:
    return np.isin(rows.keys, _rows(table, splits).keys)


def _rows(table: pa.Table, splits: Splits) -> Rows:
    return Rows.of("", table, splits.schema.texts, splits.schema.extra)
