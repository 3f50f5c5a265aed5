"""What every reader yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Block"]


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file, by column.

    Attributes:
        first_row: Number of the first row, counted from 1 over the file's data rows.
        columns: Values by column name; all lists have the same length. csv and tsv give strings, jsonl and parquet
            whatever the file holds; None stands for a missing value.
    """

    first_row: int
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))
