"""Writes rows with a model's answers beside them, as csv, tsv, jsonl or parquet."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import pyarrow as pa

from tfapp.data.answer_format import AnswerColumn
from tfapp.data.readers.formats import SUFFIXES, FileFormat
from tfapp.data.readers.json_lines import as_json_text
from tfapp.errors import DataError

__all__ = ["InputRows", "merge_parts", "output_format", "write_part"]

InputRows: TypeAlias = pa.RecordBatch | list[dict[str, Any]]
"""Rows as they came in: Arrow, or the very objects of a jsonl file that becomes a jsonl file."""

# What a field of tsv does not hold.
_TO_SPACES = str.maketrans("\t\n\r", "   ")
# A row group of parquet: enough rows to compress and scan well, not more than this much memory.
_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 1 << 25


def output_format(target: Path) -> FileFormat:
    """Tells a target's format by its suffix.

    Raises:
        DataError: The suffix names none.
    """
    file_format = SUFFIXES.get(target.suffix.lower())
    if file_format is None or file_format == "txt":
        tables = ", ".join(suffix for suffix, kind in SUFFIXES.items() if kind != "txt")
        raise DataError(f'{target}: the suffix "{target.suffix}" names no output format; use {tables}')
    return file_format


def write_part(
    path: Path,
    format: FileFormat,  # noqa: A002 - the setting's name
    rows: InputRows,
    answers: Mapping[str, AnswerColumn],
    *,
    first: bool,
) -> None:
    """Writes some rows with their answers; an input column with an answer's name gives way.

    Args:
        path: A new file.
        format: What to write.
        rows: The rows.
        answers: As `AnswerFormat.columns` gives them; a vector is a list, in csv and tsv as JSON.
        first: Whether these are the target's first rows: csv and tsv then begin with the column names.
    """
    if format == "parquet":
        _write_parquet(path, rows, answers)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if format == "jsonl":
            file.writelines(f"{_dump(values)}\n" for values in _merge_rows(rows, answers))
            return
        inputs = rows[0] if isinstance(rows, list) else rows.schema.names
        names = [*(name for name in inputs if name not in answers), *answers]
        table = [names] if first else []
        table += [[_cell(values[name]) for name in names] for values in _merge_rows(rows, answers)]
        if format == "csv":
            _write_csv(file, table)
        else:
            file.writelines("\t".join(cell.translate(_TO_SPACES) for cell in cells) + "\n" for cells in table)


def merge_parts(target: Path, format: FileFormat, parts: Iterable[Path]) -> None:  # noqa: A002
    """Joins parts into one file in bounded memory."""
    if format == "parquet":
        _merge_parquet(target, parts)
        return
    with target.open("wb") as file:
        for part in parts:
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, file)


def _write_csv(file: TextIO, table: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    # Python quotes a carriage return only where it is part of the line terminator.
    quoting_writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in table:
        (quoting_writer if any("\r" in cell for cell in cells) else writer).writerow(cells)


def _write_parquet(path: Path, rows: Any, answers: Mapping[str, AnswerColumn]) -> None:
    import pyarrow.parquet as pq

    columns = {name: rows.column(name) for name in rows.schema.names if name not in answers}
    columns |= {name: _arrow(values) for name, values in answers.items()}
    pq.write_table(pa.table(columns), path)


def _arrow(values: AnswerColumn) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(_arrow(values.ravel()), values.shape[1])
    return pa.array(values, pa.string() if values.dtype == object else pa.from_numpy_dtype(values.dtype))


def _merge_parquet(target: Path, parts: Iterable[Path]) -> None:
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


def _merge_rows(rows: InputRows, answers: Mapping[str, AnswerColumn]) -> Iterable[dict[str, Any]]:
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
