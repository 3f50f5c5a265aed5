"""The options of all readers of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tfapp.data.readers.word_columns import WordColumns
from tfapp.errors import DataError

__all__ = ["OnBadRow", "ReadOptions"]

OnBadRow: TypeAlias = Callable[[int, str], object]
"""Is told the line of a row that cannot be read, and why."""


@dataclass(frozen=True)
class ReadOptions:
    """The options by which a file is read; a reader takes those that its format has.

    Attributes:
        encoding: The encoding of text.
        header: Whether the first line of csv and tsv, or the first row of xlsx, names the columns.
        columns: The columns that are wanted; those that the file lacks are left out. None: all.
        words: How conll is read; it gives the columns `text` and `label`.
        separator: What separates the fields of csv; None: found by its first rows.
        sheet: The sheet of xlsx; None: the first one.
        block_rows: Rows a block, at most.
        block_bytes: About how much memory a block takes, at most, but for a single row.
        on_bad_row: Is told of each row of csv, tsv or jsonl that cannot be read while the next one can, which is then
            left out. None: such a row is refused.
    """

    encoding: str = "utf-8"
    header: bool = True
    columns: Sequence[str] | None = None
    words: WordColumns = field(default_factory=WordColumns)
    separator: str | None = None
    sheet: str | None = None
    block_rows: int = 8192
    block_bytes: int = 1 << 25
    on_bad_row: OnBadRow | None = None

    def selects(self, column: str) -> bool:
        """Returns whether a column of the file is wanted."""
        return self.columns is None or column in self.columns

    def refuse_row(self, path: Path, line: int, reason: str) -> None:
        """Tells `on_bad_row` of a row that cannot be read.

        Raises:
            DataError: Nobody is to be told; names the file and the line.
        """
        if self.on_bad_row is None:
            raise DataError(f"{path}, line {line}: {reason}")
        self.on_bad_row(line, reason)
