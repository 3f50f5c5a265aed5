"""Reads csv, tsv and jsonl row by row; a broken row is rejected with its reason, and the next one is read."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from tfapp.core.wording import pluralize
from tfapp.errors import DataError

__all__ = ["Record", "RejectedRow", "parse_json", "read_records"]

# A quote that is never closed would make one row of all that follows.
_LONGEST_ROW: Final = 200
_SHOWN: Final = 2000
_OPEN: Final = "open"


@dataclass(frozen=True)
class Record:
    """A row: the line on which it starts, counted from 1, and its values by column."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class RejectedRow:
    """A rejected row: its line, the reason, and its beginning as it stands in the file."""

    line: int
    reason: str
    content: str


_NumberedLine: TypeAlias = "tuple[int, str]"


def read_records(path: Path, *, encoding: str = "utf-8") -> Iterator[Record | RejectedRow]:
    """Reads a file; every row that is not blank becomes a `Record` or a `RejectedRow`.

    Args:
        path: A csv or tsv file whose first line names the columns, or a jsonl file.
        encoding: An encoding in which a line feed is one byte, as it is in UTF-8 and Latin-1.

    Raises:
        DataError: The file cannot be read, is empty, or has a suffix that says nothing.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f'{path}: the suffix "{path.suffix}" is none of {", ".join(_READERS)}; convert the file')
    try:
        if "\n".encode(encoding) != b"\n":
            raise DataError(f"{path}: {encoding} is not read here; convert the file to UTF-8")
    except LookupError as error:
        raise DataError(f'{path}: Python knows no encoding "{encoding}"; utf-8 and latin-1 are two') from error
    return reader(path, encoding)


def _lines(path: Path, encoding: str) -> Iterator[_NumberedLine | RejectedRow]:
    try:
        with path.open("rb") as file:
            for number, line_bytes in enumerate(file, start=1):
                try:
                    text = line_bytes.decode("utf-8-sig" if number == 1 and encoding == "utf-8" else encoding)
                except UnicodeDecodeError as error:
                    reason = f"byte 0x{line_bytes[error.start]:02x} is not {encoding}"
                    yield RejectedRow(number, reason, line_bytes.decode(encoding, "replace")[:_SHOWN].strip())
                else:
                    yield number, text
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _json_lines(path: Path, encoding: str) -> Iterator[Record | RejectedRow]:
    for line in _lines(path, encoding):
        if isinstance(line, RejectedRow):
            yield line
        elif line[1].strip():
            yield parse_json(*line)


def parse_json(number: int, text: str) -> Record | RejectedRow:
    """Reads a line of jsonl."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return RejectedRow(number, f"not valid JSON: {problem}", text[:_SHOWN].strip())
    if not isinstance(value, dict):
        return RejectedRow(number, f"expected a JSON object, got {type(value).__name__}", text[:_SHOWN].strip())
    return Record(number, value)


def _tables(
    split: Callable[[Iterator[_NumberedLine | RejectedRow]], Iterator[Any]],
) -> Callable[..., Iterator[Record | RejectedRow]]:
    def read(path: Path, encoding: str) -> Iterator[Record | RejectedRow]:
        rows = split(_lines(path, encoding))
        names: list[str] | None = None
        for row in rows:
            if isinstance(row, RejectedRow):
                if names is None:
                    raise DataError(f"{path}, line {row.line}: {row.reason}; the first line must name the columns")
                yield row
                continue
            number, fields, text = row
            if names is None:
                names = [field.strip() for field in fields]
            elif len(fields) == len(names):
                yield Record(number, dict(zip(names, fields, strict=True)))
            else:
                reason = f"{pluralize(len(fields), 'field')}, expected {len(names)}"
                yield RejectedRow(number, reason, text[:_SHOWN].strip())
        if names is None:
            raise DataError(f"{path}: the file is empty; give one that has rows")

    return read


def _tsv_rows(lines: Iterator[_NumberedLine | RejectedRow]) -> Iterator[tuple[int, list[str], str] | RejectedRow]:
    for line in lines:
        if isinstance(line, RejectedRow):
            yield line
        elif line[1].strip():
            yield line[0], line[1].rstrip("\r\n").split("\t"), line[1]


def _csv_rows(lines: Iterator[_NumberedLine | RejectedRow]) -> Iterator[tuple[int, list[str], str] | RejectedRow]:
    """Yields rows of csv, over lines where a field is quoted; where that fails, the first line alone is rejected."""
    queue: deque[_NumberedLine | RejectedRow] = deque()
    width = 0
    while True:
        first = queue.popleft() if queue else next(lines, None)
        if first is None:
            return
        if isinstance(first, RejectedRow):
            yield first
            continue
        row_lines, fields, problem = _one_row(first, queue, lines, width)
        width = width or len(fields)
        text = "".join(line for _, line in row_lines)
        if problem:
            queue.extendleft(reversed(row_lines[1:]))
            yield RejectedRow(first[0], problem, first[1][:_SHOWN].strip())
        elif text.strip():
            yield first[0], fields, text


def _one_row(
    first: _NumberedLine,
    queue: deque[_NumberedLine | RejectedRow],
    lines: Iterator[_NumberedLine | RejectedRow],
    width: int,
) -> tuple[list[_NumberedLine], list[str], str]:
    """Returns the lines of one row, its fields, and the problem of its first line; empty: it has none."""
    row_lines = [first]
    open_quote = "a quote is opened here and never closed"
    while True:
        fields, problem = _fields("".join(line for _, line in row_lines))
        if problem != _OPEN:
            is_misread = len(row_lines) > 1 and (problem or (width and len(fields) != width))
            return row_lines, fields, open_quote if is_misread else problem
        next_line = queue.popleft() if queue else next(lines, None)
        if isinstance(next_line, RejectedRow):
            queue.appendleft(next_line)
        if next_line is None or isinstance(next_line, RejectedRow) or len(row_lines) == _LONGEST_ROW:
            if isinstance(next_line, tuple):
                queue.appendleft(next_line)
            return row_lines, [], open_quote
        row_lines.append(next_line)


def _fields(text: str) -> tuple[list[str], str]:
    try:
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as error:
        return [], _OPEN if "unexpected end" in str(error) else f"not valid csv: {error}"
    return (rows[0] if rows else []), ""


_READERS: Final = {
    ".csv": _tables(_csv_rows),
    ".tsv": _tables(_tsv_rows),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
