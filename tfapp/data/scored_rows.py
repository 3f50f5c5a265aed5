"""Writes rows with a model's answers beside them, as csv, tsv, jsonl or parquet."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import numpy as np
import pyarrow as pa

from tfapp.core.rows import Row, row_line
from tfapp.core.spans import to_entities
from tfapp.data.blocks import SUFFIXES, FileFormat
from tfapp.data.readers.json_lines import as_json_text
from tfapp.errors import DataError

__all__ = ["LABEL", "InputRows", "answer_columns", "merge_parts", "output_format", "write_part"]

LABEL = "predicted_label"
LABELS = "predicted_labels"
ENTITIES = "predicted_entities"

InputRows: TypeAlias = pa.RecordBatch | list[dict[str, Any]]
"""Rows as they came in: Arrow, or the very objects of a jsonl file that becomes a jsonl file."""

_SEPARATOR = "|"
# What a field of tsv does not hold.
_TO_SPACES = str.maketrans("\t\n\r", "   ")
# Outputs of a value a label.
_BY_LABEL = ("probabilities", "labels", "chosen")

_ENTITIES = pa.list_(
    pa.struct(
        [
            ("tag", pa.string()),
            ("text", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("score", pa.float32()),
        ]
    )
)

# A row group of parquet: enough rows to compress and scan well, not more than this much memory.
_GROUP_ROWS = 1 << 16
_GROUP_BYTES = 1 << 25


def output_format(target: Path) -> FileFormat:
    """Tells a target's format by its suffix.

    Raises:
        DataError: The suffix names none.
    """
    found = SUFFIXES.get(target.suffix.lower())
    if found is None or found == "txt":
        tables = ", ".join(suffix for suffix, kind in SUFFIXES.items() if kind != "txt")
        raise DataError(f'{target}: the suffix "{target.suffix}" names no output format; use {tables}')
    return found


def answer_columns(answers: Mapping[str, Any], labels: Sequence[str], rows: Sequence[Row]) -> dict[str, np.ndarray]:
    """Names the columns of a model's answers.

    Args:
        answers: One value or one vector a row by output name, such as `label`, `score` and `embedding`; of a
            multi-label model also `labels` and `chosen` [rows, labels] and, where labels are given, `probabilities`
            [rows, labels].
        labels: The labels whose probabilities are wanted, as the model orders them; none for no such columns.
        rows: The rows that were asked about.

    Returns:
        `predicted_NAME` of each such output, [rows] or [rows, width], fractions as float32; of a multi-label model
        `predicted_labels` (joined by "|"); `probability.LABEL` (float32); of a tagger `predicted_entities` alone (a
        list of objects a row).

    Raises:
        ValueError: The model answered another number of rows.
    """
    columns: dict[str, Any] = {LABEL: np.asarray(answers["label"], object)} if "label" in answers else {}
    if "chosen" in answers:
        columns[LABELS] = np.array(
            [
                _SEPARATOR.join(names[yes])
                for names, yes in zip(answers["labels"], np.asarray(answers["chosen"], bool), strict=True)
            ],
            object,
        )
    if "start" in answers and np.ndim(answers["start"]) == 2:
        columns[ENTITIES] = _as_objects(to_entities(answers, [row_line(row) for row in rows]))
    else:
        names = [name for name in answers if name not in ("label", *_BY_LABEL)]
        columns |= {f"predicted_{name}": _plain_type(np.asarray(answers[name])) for name in names}
    if labels and "probabilities" in answers:
        table = np.asarray(answers["probabilities"], np.float32)
        columns |= {f"probability.{label}": table[:, index] for index, label in enumerate(labels)}
    if any(len(column) != len(rows) for column in columns.values()):
        raise ValueError(f"the model answered {[len(column) for column in columns.values()]} rows of {len(rows)}")
    return columns


def _as_objects(values: Sequence[Any]) -> np.ndarray:
    """Returns one value a row, whatever it is; NumPy would make a table of lists of the same length."""
    column = np.empty(len(values), object)
    column[:] = list(values) if values else []
    return column


def _plain_type(values: np.ndarray) -> np.ndarray:
    """Strings as objects, fractions in single precision."""
    if values.dtype.kind in "OSU":
        return values.astype(object)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def write_part(path: Path, format: FileFormat, rows: InputRows, answers: Mapping[str, Any], *, first: bool) -> None:  # noqa: A002
    """Writes some rows with their answers; an input column with an answer's name gives way.

    Args:
        path: A new file.
        format: What to write.
        rows: The rows.
        answers: As `answer_columns` gives them; a vector is a list, in csv and tsv as JSON.
        first: Whether these are the target's first rows: csv and tsv then begin with the column names.
    """
    if format == "parquet":
        _write_parquet(path, rows, answers)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if format == "jsonl":
            file.writelines(f"{_dump(values)}\n" for values in _merged(rows, answers))
            return
        inputs = rows[0] if isinstance(rows, list) else rows.schema.names
        names = [*(name for name in inputs if name not in answers), *answers]
        table = [names] if first else []
        table += [[_cell(values[name]) for name in names] for values in _merged(rows, answers)]
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
    plain = csv.writer(file, lineterminator="\n")
    # Python quotes a carriage return only where it is part of the line terminator.
    quoted = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for cells in table:
        (quoted if any("\r" in cell for cell in cells) else plain).writerow(cells)


def _write_parquet(path: Path, rows: Any, answers: Mapping[str, Any]) -> None:
    import pyarrow.parquet as pq

    columns = {name: rows.column(name) for name in rows.schema.names if name not in answers}
    columns |= {name: _arrow(name, values) for name, values in answers.items()}
    pq.write_table(pa.table(columns), path)


def _arrow(name: str, values: np.ndarray) -> pa.Array:
    if name == ENTITIES:
        return pa.array(values, _ENTITIES)
    if values.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(_arrow(name, values.ravel()), values.shape[1])
    return pa.array(values, pa.string() if values.dtype == object else pa.from_numpy_dtype(values.dtype))


def _merge_parquet(target: Path, parts: Iterable[Path]) -> None:
    import pyarrow.parquet as pq

    tables = (pq.read_table(part) for part in parts)
    held = [next(tables)]
    with pq.ParquetWriter(target, held[0].schema) as writer:
        for table in tables:
            if sum(len(t) for t in held) >= _GROUP_ROWS or sum(t.nbytes for t in held) >= _GROUP_BYTES:
                writer.write_table(pa.concat_tables(held))
                held = []
            held.append(table)
        writer.write_table(pa.concat_tables(held))


def _merged(rows: InputRows, answers: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Joins rows and answers into Python values; scores have the six digits that float32 means."""
    objects = rows if isinstance(rows, list) else _objects(rows)
    plain = {name: _rounded(np.asarray(values).tolist()) for name, values in answers.items()}
    for index, values in enumerate(objects):
        inputs = {name: value for name, value in values.items() if name not in answers}
        yield inputs | {name: column[index] for name, column in plain.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
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
