"""The bounds of what is read of one file: its columns, the length of a row, and what a packed file unpacks to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from tfapp.errors import DataError

__all__ = [
    "CELL_BYTES",
    "ROW_CHARACTERS",
    "RowLines",
    "cell_bytes",
    "check_column_count",
    "check_unpacked_size",
    "iter_lines",
]

CELL_BYTES: Final = 16
"""What a cell takes beside its text, about: its place in a list, and an object of its own."""

ROW_CHARACTERS: Final = 1 << 24
"""Characters of a row of text, at most. Beyond the longest document: a quote that is never closed reads on and on."""

_MOST_COLUMNS: Final = 4096
# As Apache POI refuses parts of Office files by (ZipSecureFile.MIN_INFLATE_RATIO), with more room for small ones. Texts
# become 3 to 10 times smaller.
_MOST_TIMES_LARGER: Final = 100
_UNPACKED_BYTES: Final = 64 << 20


def check_column_count(path: Path, columns: int) -> None:
    """Checks that a table has no more columns than any table of texts.

    Raises:
        DataError: It has more; names their number and the bound.
    """
    if columns > _MOST_COLUMNS:
        raise DataError(
            f"{path}: {columns} columns, more than the {_MOST_COLUMNS} that are read of a table; write the texts and "
            "the labels to a file of their own"
        )


def check_unpacked_size(path: Path, size: int) -> None:
    """Checks that a packed file unpacks to no more bytes than text does.

    Raises:
        DataError: It does; names the bound.
    """
    most = max(_UNPACKED_BYTES, _MOST_TIMES_LARGER * path.stat().st_size)
    if size > most:
        raise DataError(
            f"{path}: unpacks to more than {most >> 20} MB, {_MOST_TIMES_LARGER} times its size, as no text does; if "
            "it is right, unpack the file first"
        )


def cell_bytes(cells: Sequence[Any]) -> int:
    """Returns about how much memory a row's cells take, of which the strings count by their length."""
    return CELL_BYTES * len(cells) + sum(len(cell) for cell in cells if isinstance(cell, str))


class RowLines(Iterator[str]):
    """Iterates over the lines of a text file, and refuses a row of more than `ROW_CHARACTERS`.

    Attributes:
        characters: The characters of all lines so far.
    """

    def __init__(self, path: Path, file: TextIO) -> None:
        """Starts a row at the file's position."""
        self.characters = 0
        self._path, self._file = path, file
        self._line = self._row_start = 0

    def __next__(self) -> str:
        """Returns the next line."""
        text = self._file.readline(ROW_CHARACTERS + 1)
        if not text:
            raise StopIteration
        self._line += 1
        self.characters += len(text)
        if self.characters - self._row_start > ROW_CHARACTERS:
            raise DataError(
                f"{self._path}, line {self._line}: a row is longer than {ROW_CHARACTERS} characters; divide it, or "
                "close the quote that it opens"
            )
        return text

    def begin_row(self) -> None:
        """Begins a row with the next line."""
        self._row_start = self.characters


def iter_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yields the lines of a text file, each of which is a row."""
    lines = RowLines(path, file)
    for text in lines:
        lines.begin_row()
        yield text
