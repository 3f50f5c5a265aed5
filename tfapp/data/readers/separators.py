"""Finds the separator of a csv file's fields: a comma, a semicolon, a tab or a bar.

What separates fields stands equally often in every row; a character of the texts does not. So each candidate reads the
file's first rows by the rules of csv, quotes included, and the one wins by which most of them have as many fields as
the first. A comma wins among equals.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from tfapp.data.readers.bounds import ROW_CHARACTERS, RowLines
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.textfile import open_text
from tfapp.errors import DataError

__all__ = ["FIELD_LIMIT", "csv_lines", "find_separator", "separator_notes"]

# Python's own limit (131072) is under the length of a long document.
FIELD_LIMIT: Final = ROW_CHARACTERS

_OTHERS: Final = (";", "\t", "|")
_ROWS: Final = 1000
_CHARACTERS: Final = 1 << 24
# Of a file with a damaged row the separator is still known, so that the error is on this row.
_LEAST_SHARE: Final = 0.9
# What Excel writes, and reads, above a file's rows.
_HINT: Final = re.compile(r"sep=([^\r\n\"])[\r\n]*", re.IGNORECASE)


def find_separator(path: Path, encoding: str) -> str:
    """Returns the separator of a csv file by its line "sep=", or by its first rows; a comma where none stands out.

    Raises:
        DataError: The file cannot be read in its encoding.
    """
    with open_text(path, encoding) as file:
        hint, _ = csv_lines(RowLines(path, file))
    if hint:
        return hint
    best = _consistent_share(path, encoding, ",")
    if best == 1:
        return ","
    separator = ","
    for other in _OTHERS:
        share = _consistent_share(path, encoding, other)
        if share > best and share >= _LEAST_SHARE:
            separator, best = other, share
    return separator


def separator_notes(path: Path, options: ReadOptions) -> tuple[str, ...]:
    """Returns a note on the separator that was found, where it is no comma and the user named none."""
    separator = "," if options.separator is not None else find_separator(path, options.encoding)
    name = {"\t": "a tab"}.get(separator, f'"{separator}"')
    return () if separator == "," else (f"separator: the fields are apart by {name}; data.separator would set another",)


def csv_lines(lines: Iterator[str]) -> tuple[str | None, Iterator[str]]:
    """Returns the separator that a line "sep=" at the beginning of a csv file names, and the lines behind it."""
    first = next(lines, "")
    hint = _HINT.fullmatch(first)
    return (hint[1], lines) if hint else (None, chain([first] if first else [], lines))


def _consistent_share(path: Path, encoding: str, separator: str) -> float:
    """Returns the share of the first rows that have as many fields as the first; 0 where that is a single one."""
    csv.field_size_limit(max(FIELD_LIMIT, csv.field_size_limit()))
    widths: list[int] = []
    with open_text(path, encoding) as file:
        lines = RowLines(path, file)
        try:
            for fields in csv.reader(lines, delimiter=separator, strict=True):
                lines.begin_row()
                widths += [len(fields)] if fields else []
                if len(widths) == _ROWS or lines.characters > _CHARACTERS:
                    break
        except (csv.Error, DataError):  # the latter: of a row that is too long
            widths.append(0)
    return widths.count(widths[0]) / len(widths) if widths and widths[0] > 1 else 0.0
