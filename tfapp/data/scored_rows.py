"""Writes rows with a model's answers beside them, as csv, tsv, jsonl or parquet."""

from __future__ import annotations

import abc
import csv
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import pyarrow as pa

from tfapp.data.answer_format import AnswerColumn
from tfapp.data.readers.json_lines import as_json_text

__all__ = ["AnswerColumns", "CsvWriter", "InputRows", "JsonLinesWriter", "ParquetWriter", "RowWriter", "TsvWriter"]

InputRows: TypeAlias = pa.RecordBatch | list[dict[str, Any]]
"""Rows as they came in: Arrow, or the very objects of a jsonl file that becomes a jsonl file."""

AnswerColumns: TypeAlias = Mapping[str, AnswerColumn]
"""The columns of answers, as `AnswerFormat.columns` gives them; a vector is a list, in csv and tsv as JSON."""

# What a field of tsv does not hold.
_TO_SPACES = str.maketrans("\t\n\r", "   ")
# A row group of parquet: enough rows to compress and scan well, not more than this much memory.
_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 1 << 25


class RowWriter(abc.ABC):
    """Writes rows with a model's answers in one format, in parts that are joined."""

    @abc.abstractmethod
    def write(self, path: Path, *, rows: InputRows, answers: AnswerColumns, first: bool) -> None:
        """Writes some rows with their answers; an input column with an answer's name gives way.

        Args:
            path: A new file.
            rows: The rows.
            answers: The answers to them.
            first: Whether these are the target's first rows: csv and tsv then begin with the column names.
        """

    def merge(self, target: Path, parts: Iterable[Path]) -> None:
        """Joins parts into one file in bounded memory."""
        with target.open("wb") as file:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, file)


class CsvWriter(RowWriter):
    """Writes csv."""

    def write(self, path: Path, *, rows: InputRows, answers: AnswerColumns, first: bool) -> None:
        """Writes some rows with their answers; see `RowWriter.write`."""
        with _open(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            # Python quotes a carriage return only where it is part of the line terminator.
            quoting_writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for cells in _cells(rows, answers, first=first):
                (quoting_writer if any("\r" in cell for cell in cells) else writer).writerow(cells)


class TsvWriter(RowWriter):
    """Writes tsv, with a space for each tab or line end in a field."""

    def write(self, path: Path, *, rows: InputRows, answers: AnswerColumns, first: bool) -> None:
        """Writes some rows with their answers; see `RowWriter.write`."""
        with _open(path) as file:
            for cells in _cells(rows, answers, first=first):
                file.write("\t".join(cell.translate(_TO_SPACES) for cell in cells) + "\n")


class JsonLinesWriter(RowWriter):
    """Writes jsonl."""

    def write(self, path: Path, *, rows: InputRows, answers: AnswerColumns, first: bool) -> None:
        """Writes some rows with their answers; see `RowWriter.write`."""
        del first
        with _open(path) as file:
            file.writelines(f"{_dump(values)}\n" for values in _merge_rows(rows, answers))


class ParquetWriter(RowWriter):
    """Writes parquet."""

    def write(self, path: Path, *, rows: Any, answers: AnswerColumns, first: bool) -> None:
        """Writes a batch of rows with their answers; see `RowWriter.write`."""
        import pyarrow.parquet as pq

        del first
        columns = {name: rows.column(name) for name in rows.schema.names if name not in answers}
        columns |= {name: _arrow(values) for name, values in answers.items()}
        pq.write_table(pa.table(columns), path)

    def merge(self, target: Path, parts: Iterable[Path]) -> None:
        """Joins parts into one file with row groups of a useful size, in bounded memory."""
        import pyarrow.parquet as pq

        tables = (pq.read_table(part) for part in parts)
        group = [next(tables)]
        with pq.ParquetWriter(target, group[0].schema) as writer:
            for table in tables:
                if sum(len(t) for t in group) >= _GROUP_ROWS or sum(t.nbytes for t in group) >= _GROUP_BYTES:
                    writer.write_table(pa.concat_tables(group))
                    group = []
                group.append(table)
            writer.write_table(pa.concat_tables(group))


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def _cells(rows: InputRows, answers: AnswerColumns, *, first: bool) -> Iterator[list[str]]:
    """Yields the names of the columns before the target's first rows, and each row's cells."""
    inputs = rows[0] if isinstance(rows, list) else rows.schema.names
    names = [*(name for name in inputs if name not in answers), *answers]
    if first:
        yield names
    for values in _merge_rows(rows, answers):
        yield [_cell(values[name]) for name in names]


def _arrow(values: AnswerColumn) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(_arrow(values.ravel()), values.shape[1])
    return pa.array(values, pa.string() if values.dtype == object else pa.from_numpy_dtype(values.dtype))


def _merge_rows(rows: InputRows, answers: AnswerColumns) -> Iterable[dict[str, Any]]:
    """Joins rows and answers into Python values; scores have the six digits that float32 means."""
    objects = rows if isinstance(rows, list) else _objects(rows)
    columns = {name: _round(values.tolist()) for name, values in answers.items()}
    for index, values in enumerate(objects):
        inputs = {name: value for name, value in values.items() if name not in answers}
        yield inputs | {name: column[index] for name, column in columns.items()}


def _round(value: Any) -> Any:
    if isinstance(value, list):
        return [_round(part) for part in value]
    if isinstance(value, dict):
        return {name: _round(part) for name, part in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def _objects(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Returns a batch as Python objects; Python has no nanoseconds, so times go through text."""
    columns = [column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()


def _dump(values: dict[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False, default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: only an escape can write it
        return json.dumps(values, default=_plain)
    return text


def _cell(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, list | dict | bool):
        return as_json_text(value) or ""
    return "" if value is None else str(_plain(value) if isinstance(value, bytes) else value)


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
