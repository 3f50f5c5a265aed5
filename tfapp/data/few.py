"""Few rows of each label, as if there were no more."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfapp.data.cleaning import Rows
from tfapp.data.findings import ROWS_SHOWN, Finding
from tfapp.data.labels import label_codes
from tfapp.data.splitting import split_numbers

__all__ = ["keep_per_label"]


def keep_per_label(rows: Rows, count: int, seed: int) -> tuple[Rows, list[Finding]]:
    """Keeps at most so many rows of each label; which they are depends on their texts and the seed alone."""
    codes = label_codes(rows.table["label"])
    order = np.lexsort((split_numbers(rows.keys, seed), codes))
    places = np.arange(len(order)) - np.searchsorted(codes[order], codes[order])
    mask = np.zeros(len(order), bool)
    mask[order[places < count]] = True
    return rows.keep(mask), _found(rows, ~mask, count)


def _found(rows: Rows, mask: Any, count: int) -> list[Finding]:
    numbers = rows.numbers(mask)
    if not len(numbers):
        return []
    some = "row" if len(numbers) == 1 else "rows"
    message = f"{rows.name}: {len(numbers)} {some} of train beyond data.per_class = {count}"
    first = tuple(numbers[:ROWS_SHOWN].tolist())
    return [Finding("beyond_per_class", len(numbers), first, rows.name, "dropped", message)]
