"""Reads csv and tsv.

csv follows RFC 4180: quotes around a field, doubled inside one, line ends within them. Its fields are apart by commas,
or by what `find_separator` finds. In tsv a quote is a plain character and a line is a row: that is how tab-separated
corpora (SST-2 and others) are written, bare quotes and all. Blank lines are skipped in both.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from tfapp.core.wording import pluralize
from tfapp.data.readers.bounds import RowLines, cell_bytes, check_column_count, iter_lines
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.data.readers.separators import FIELD_LIMIT, csv_lines, find_separator
from tfapp.data.readers.textfile import open_text
from tfapp.errors import DataError

__all__ = ["iter_csv_blocks", "iter_tsv_blocks"]

NumberedFields = tuple[int, list[str]]
"""The line on which a row starts, counted from 1, and the row's fields."""


def iter_csv_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields the rows of a csv file as blocks of strings; errors as in `tfapp.data.file_formats.FileFormat.read`."""
    return _iter_blocks(path, _csv_records(path, options), options)


def iter_tsv_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields the rows of a tsv file as blocks of strings; errors as in `tfapp.data.file_formats.FileFormat.read`."""
    return _iter_blocks(path, _tsv_records(path, options), options)


def _csv_records(path: Path, options: ReadOptions) -> Iterator[NumberedFields]:
    """Yields the rows of a csv file, the header included, but for a line "sep=" above it."""
    csv.field_size_limit(max(FIELD_LIMIT, csv.field_size_limit()))
    separator = options.separator or find_separator(path, options.encoding)
    with open_text(path, options.encoding) as file:
        rows = RowLines(path, file)
        hint, lines = csv_lines(rows)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        first = line = 2 if hint else 1
        try:
            for fields in reader:
                rows.begin_row()
                if fields:
                    yield line, fields
                line = reader.line_num + first
        except csv.Error as error:
            raise DataError(f"{path}, line {line}: {_explain(str(error))}") from error


def _tsv_records(path: Path, options: ReadOptions) -> Iterator[NumberedFields]:
    """Yields the rows of a tsv file, the header included."""
    with open_text(path, options.encoding, newline="\n") as file:
        for line, text in enumerate(iter_lines(path, file), start=1):
            fields = text.rstrip("\r\n").split("\t")
            if fields != [""]:
                yield line, fields


def _iter_blocks(path: Path, records: Iterator[NumberedFields], options: ReadOptions) -> Iterator[Block]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{path}: the file is empty; give one that has rows")
    check_column_count(path, len(first[1]))
    if options.header:
        names = _check_names(path, first[1])
    else:
        names = [str(index) for index in range(len(first[1]))]
        records = chain([first], records)
    indices = [(index, name) for index, name in enumerate(names) if options.selects(name)]
    records = _check_widths(path, records, len(names), options)
    for row, rows in group_rows(
        records, options.block_rows, weigh=lambda record: cell_bytes(record[1]), most_bytes=options.block_bytes
    ):
        columns_of = {name: [fields[index] for _, fields in rows] for index, name in indices}
        yield Block(row, columns_of, tuple(line for line, _ in rows))


def _check_widths(
    path: Path, records: Iterator[NumberedFields], width: int, options: ReadOptions
) -> Iterator[NumberedFields]:
    for line, fields in records:
        if len(fields) == width:
            yield line, fields
            continue
        options.refuse_row(
            path,
            line,
            f"{pluralize(len(fields), 'field')}, expected {width} as in the first line; mend the row (in csv, a field "
            "that holds the separator needs quotes around it), or set data.separator",
        )


def _check_names(path: Path, names: list[str]) -> list[str]:
    duplicate = next((name for name, count in Counter(names).items() if count > 1), None)
    if duplicate is not None:
        raise DataError(
            f'{path}, line 1: two columns are named "{duplicate}"; '
            "rename one, or set data.header = false if the file has no header"
        )
    return names


def _explain(problem: str) -> str:
    if "unexpected end of data" in problem:
        return "a quote is opened here and never closed"
    if "field limit" in problem:
        return f"a field is longer than {FIELD_LIMIT} characters; is a quote not closed?"
    if "expected after" in problem:
        return "text follows a closing quote; double the quotes inside a quoted field"
    return f"not valid csv: {problem}"
