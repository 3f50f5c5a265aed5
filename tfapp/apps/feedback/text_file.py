"""Reads unlabelled texts from a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from tfapp.apps.shared.record_reader import Record, RejectedRow, read_records
from tfapp.data.cleaning import is_visible
from tfapp.data.proposals.columns import guess_text
from tfapp.data.stored_texts import storable
from tfapp.errors import DataError

__all__ = ["TextFile"]

_SAMPLE_ROWS: Final = 200
_LONGEST: Final = 100_000


class TextFile:
    """The texts of a csv, tsv or jsonl file.

    Args:
        path: The file.
        column: The column of the texts; None: the one with the longest strings.
        name: What errors call the file; None: its path.

    Attributes:
        rejected: How many rows held no text, once all were read.
    """

    def __init__(self, path: Path, column: str | None = None, *, name: str | None = None) -> None:
        self._path = path
        self._column = column
        self._name = name or str(path)
        self.rejected = 0

    def __iter__(self) -> Iterator[str]:
        """Yields the texts, one per row.

        Raises:
            DataError: The file cannot be read, or has no such column.
        """
        self.rejected = 0
        rows = read_records(self._path)
        head = list(islice(rows, _SAMPLE_ROWS))
        column = self._column or self._guess(head)
        for row in chain(head, rows):
            value = row.values.get(column) if isinstance(row, Record) else None
            if isinstance(value, str) and is_visible(value) and len(value) <= _LONGEST:
                yield storable(value)
            else:
                self.rejected += 1

    def _guess(self, head: list[Record | RejectedRow]) -> str:
        columns: dict[str, list[Any]] = {}
        for row in head:
            for name, value in (row.values if isinstance(row, Record) else {}).items():
                columns.setdefault(name, []).append(value)
        column = guess_text(columns)
        if column is None:
            raise DataError(f"{self._name}: no column holds texts; found: {', '.join(columns) or 'no rows'}")
        return column
