"""Finds the columns of a file by their usual names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.errors import DataError, SettingsError

__all__ = ["FileColumns", "check_contents", "find_columns"]

# Rows in which the columns of jsonl are looked for.
_HEAD: Final = 100

Usual = Mapping[str, Sequence[str]]


def check_contents(columns: Iterable[str], column_names: Usual) -> None:
    """Refuses a --column for something that is not read.

    Raises:
        SettingsError: There is one.
    """
    for name in columns:
        if name not in column_names:
            raise SettingsError(f"--column {name}: give NAME=COLUMN, where NAME is one of {', '.join(column_names)}")


def find_columns(present: Iterable[str], columns: Mapping[str, str], usual_names: Usual) -> dict[str, str]:
    """Returns the columns' names by their content, such as `title`: those given, and others that have a usual name.

    Args:
        present: The file's columns.
        columns: Column names by what they hold.
        usual_names: By what a column may hold, the names that it usually has, in lower case.

    Example:
        >>> find_columns(["ID", "Title"], {}, {"item": ("item", "id"), "title": ("title",)})
        {'item': 'ID', 'title': 'Title'}
    """
    names_by_spelling = {name.lower(): name for name in reversed(list(present))}
    usual_columns = {
        content: next((names_by_spelling[name] for name in names if name in names_by_spelling), None)
        for content, names in usual_names.items()
        if content not in columns
    }
    return {**columns, **{content: name for content, name in usual_columns.items() if name is not None}}


@dataclass(frozen=True)
class FileColumns:
    """All rows of a file, its columns, and those that are read, by their content."""

    source: str
    rows: Iterator[Record | RejectedRow]
    present: Sequence[str]
    columns: Mapping[str, str]

    @classmethod
    def detect(
        cls,
        rows: Iterable[Record | RejectedRow],
        columns: Mapping[str, str],
        usual_names: Usual,
        *,
        source: str,
        filters: Iterable[str] = (),
    ) -> FileColumns:
        """Detects the columns in the first rows; `filters` are columns that must be there, too.

        Raises:
            DataError: There is no column of a name that was given.
        """
        iterator = iter(rows)
        head = list(islice(iterator, _HEAD))
        present = list(dict.fromkeys(name for row in head if isinstance(row, Record) for name in row.values))
        file = cls(source, chain(head, iterator), present, find_columns(present, columns, usual_names))
        missing_column = next(
            (name for name in (*file.columns.values(), *filters) if present and name not in present), None
        )
        if missing_column is not None:
            raise file.error(f'no column "{missing_column}"')
        return file

    def error(self, problem: str, way_out: str = "") -> DataError:
        """Returns the error of a file that lacks a column."""
        names = ", ".join(f'"{name}"' for name in self.present) or "none"
        return DataError(f"{self.source}: {problem}; columns: {names}{way_out and f'; {way_out}'}")
