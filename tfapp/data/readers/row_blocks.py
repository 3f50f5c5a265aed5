"""The block of rows that every reader yields, and a count of the problems in such blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tfapp.data.findings import ROWS_SHOWN

__all__ = ["Block", "ProblemCount", "group_rows"]

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
        problems: The line of each problem that the reader met and did not refuse, and what is wrong there.
    """

    first_row: int
    columns: dict[str, list[Any]]
    lines: tuple[int, ...] = ()
    problems: tuple[tuple[int, str], ...] = ()

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


class ProblemCount:
    """A count of the problems that a reader meets in a file and does not refuse, and the first of them.

    Attributes:
        count: How many there were so far.
        first: The line of each of the first, and what is wrong there.
    """

    def __init__(self) -> None:
        """Starts without problems."""
        self.count = 0
        self.first: list[tuple[int, str]] = []

    def watch(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Yields the blocks unchanged, and counts their problems."""
        for block in blocks:
            self.count += len(block.problems)
            self.first += block.problems[: ROWS_SHOWN - len(self.first)]
            yield block


def group_rows(
    rows: Iterable[T], size: int, *, weigh: Callable[[T], int] = lambda _: 0, most_bytes: int = 1
) -> Iterator[tuple[int, list[T]]]:
    """Yields some rows at a time, with the number of the first, from 1; at least one list, possibly empty.

    Args:
        rows: The rows.
        size: Rows a list, at most.
        weigh: Returns about how many bytes a row takes.
        most_bytes: Bytes a list, at most, but for a single row.
    """
    first, total = 1, 0
    group: list[T] = []
    for row in rows:
        total += (weight := weigh(row))
        if group and total > most_bytes:
            yield first, group
            first, group, total = first + len(group), [], weight
        group.append(row)
        if len(group) == size:
            yield first, group
            first, group, total = first + len(group), [], 0
    if group or first == 1:
        yield first, group
