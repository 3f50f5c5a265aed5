"""The options of all readers of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tfapp.data.readers.word_columns import WordColumns

__all__ = ["ReadOptions"]


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
    """

    encoding: str = "utf-8"
    header: bool = True
    columns: Sequence[str] | None = None
    words: WordColumns = field(default_factory=WordColumns)
    separator: str | None = None
    sheet: str | None = None
    block_rows: int = 8192
    block_bytes: int = 1 << 25

    def selects(self, column: str) -> bool:
        """Returns whether a column of the file is wanted."""
        return self.columns is None or column in self.columns
