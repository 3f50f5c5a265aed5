"""The block of rows that every reader yields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

__all__ = ["Block", "group_rows"]

T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file, by column.

    Attributes:
        first_row: Number of the first row, counted from 1 over the file's data rows.
        columns: Values by column name; all lists have the same length. csv and tsv give strings, jsonl and parquet
            whatever the file holds; None stands for a missing value.
        lines: The line of the file on which each row begins, counted from 1; empty where rows are on no lines, or
            where the number of a row is its line.
        bad_tags: Of words with tags: the line of each tag that breaks its scheme, and what is wrong with it.
    """

    first_row: int
    columns: dict[str, list[Any]]
    lines: tuple[int, ...] = ()
    bad_tags: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @property
    def numbers(self) -> list[int]:
        """Returns the identifier of each row: its line, or its number."""
        return list(self.lines) if self.lines else list(range(self.first_row, self.first_row + len(self)))

    def head(self, rows: int) -> Block:
        """Returns the first rows."""
        columns = {name: values[:rows] for name, values in self.columns.items()}
        return replace(self, columns=columns, lines=self.lines[:rows])


def group_rows(rows: Iterable[T], size: int) -> Iterator[tuple[int, list[T]]]:
    """Yields at most `size` rows at a time, with the number of the first, from 1; at least one list, possibly empty."""
    iterator = iter(rows)
    first, group = 1, list(islice(iterator, size))
    yield first, group
    while group:
        first += len(group)
        group = list(islice(iterator, size))
        if group:
            yield first, group
