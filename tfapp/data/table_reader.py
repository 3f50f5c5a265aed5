"""Reads labelled texts into a table, and whole files in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tfapp._old_names import SCHEMA_OF_TASK, refuse_old_arguments
from tfapp.core.progress import OnProgress
from tfapp.data.file_formats import FORMATS, detect_format
from tfapp.data.findings import Finding
from tfapp.data.labels import as_label
from tfapp.data.readers import folders, json_lines
from tfapp.data.readers.read_options import OnBadRow, ReadOptions
from tfapp.data.readers.row_blocks import Block, ProblemCount
from tfapp.data.readers.word_columns import WordColumns
from tfapp.data.schemas import Schema
from tfapp.data.sources import Source
from tfapp.errors import DataError, did_you_mean

__all__ = ["as_text", "check_column", "read_batches", "read_table"]

_BLOCK_ROWS = 8192


@refuse_old_arguments(task=SCHEMA_OF_TASK)
def read_table(
    source: Source,
    *,
    schema: Schema,
    multi_label: bool = False,
    repair: bool = False,
    on_progress: OnProgress | None = None,
    findings: list[Finding] | None = None,
    most_bytes: int | None = None,
) -> pa.Table:
    """Reads the texts and labels of one file or folder.

    Args:
        source: What to read, and its settings: column names, encoding, rating, row limit.
        schema: What its rows are.
        multi_label: Read each row's labels as a list.
        repair: Mend what can be mended, also where the settings would drop it or fail.
        on_progress: Is told the rows read.
        findings: Gets what was wrong in the file and was mended or left out.
        most_bytes: Where to stop, about, in bytes of the table; None: at the file's end.

    Returns:
        A table with the task's columns of texts, such as `text`, string (a missing text is empty), and such extra ones
        as the settings name; `label`, of the type that the target reads, null where missing; where the schema has a
        group `group`, string; `row`, int64 (the line of the file on which the row begins, counted from 1; of formats
        without lines the number of the row; for a folder the ordinal of the text in sorted order); and `file`,
        dictionary<string>.

    Raises:
        DataError: The file is broken, or lacks a column, or a value is no text, label or rating; names the row.
    """
    schema.target.check_source(source, multi_label)
    _check_format(source, schema)
    words = schema.target.words(source.settings)
    if repair:
        words = words.with_repair()
    problems = ProblemCount()
    if source.format == "folder":
        parts = _folder_parts(source)
    else:
        blocks = problems.watch(_blocks(source, schema, words))
        parts = (_to_part(source, block, schema, multi_label) for block in blocks)
    batches, rows, size = [], 0, 0
    for part in parts:
        batches.append(part)
        rows, size = rows + part.num_rows, size + part.nbytes
        if on_progress:
            on_progress(rows, None)
        if most_bytes is not None and size > most_bytes:
            message = f"{source.name}: the file is large, so its first {rows} rows alone are described"
            if findings is not None:
                findings.append(Finding("large_file", rows, (), source.name, "kept", message))
            break
    if findings is not None and problems.count:
        findings.append(words.finding(source.name, problems))
    return pa.Table.from_batches(batches).unify_dictionaries()


def read_batches(
    path: Path,
    *,
    format: str = "auto",  # noqa: A002 - the setting's name
    encoding: str = "utf-8",
    header: bool = True,
    batch_rows: int = 1024,
    on_bad_row: OnBadRow | None = None,
) -> Iterator[pa.RecordBatch]:
    """Reads all columns of a file in bounded memory.

    csv and tsv give string columns, parquet the file's own types, jsonl the types that hold all of its values: it is
    read twice, first to find them.

    Args:
        path: A csv, tsv, jsonl or parquet file.
        format: Its format; "auto" goes by the suffix.
        encoding: The encoding of csv, tsv and jsonl.
        header: Whether the first line of csv and tsv names the columns.
        batch_rows: Rows a batch, at most.
        on_bad_row: Is told of each row of csv, tsv or jsonl that cannot be read, which is then left out; None: such a
            row is refused.

    Yields:
        Batches of one schema in the file's order; at least one, possibly without rows.

    Raises:
        DataError: The file is missing or broken; names the file and the line.
    """
    options = ReadOptions(encoding=encoding, header=header, block_rows=batch_rows, on_bad_row=on_bad_row)
    yield from FORMATS[detect_format(path, format)].iter_batches(path, options)


def as_text(value: Any) -> str:
    """Turns a value of a text column into a text; None and NaN become the empty text.

    Raises:
        ValueError: The value is a list or another structure.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    try:
        return as_label(value) or ""
    except ValueError:
        raise ValueError(f"is no text but a {type(value).__name__}") from None


def check_column(source: str | Path, name: str, columns: list[str], setting: str) -> None:
    """Checks that a file has a column.

    Raises:
        DataError: It lacks the column; names the columns that there are, and the nearest.
    """
    if name in columns:
        return
    present = ", ".join(f'"{column}"' for column in columns)
    suggestion = did_you_mean(name, columns)
    hint = suggestion if suggestion.startswith("; did you mean") else f"; set {setting}"
    raise DataError(f'{source}: no column "{name}" ({setting}); columns: {present}{hint}')


def _check_format(source: Source, schema: Schema) -> None:
    if source.format not in schema.formats:
        needs = [f"a file with columns ({', '.join(name for name in schema.formats if FORMATS[name].table)})"]
        needs += [f"{FORMATS[name].content} ({name})" for name in schema.formats if not FORMATS[name].table]
        way_out = "; set data.format if its suffix says something else" if source.format != "folder" else ""
        raise DataError(
            f"{source.name}: the format {source.format} holds {source.file_format.content}; the task {schema.task} "
            f"needs {' or '.join(needs)}{way_out}"
        )


def _blocks(source: Source, schema: Schema, words: WordColumns) -> Iterator[Block]:
    """Yields the first rows of a file, as the settings limit them, and checks its columns."""
    settings = source.settings
    names: dict[str, None] = {}
    options = ReadOptions(
        encoding=settings.encoding,
        header=settings.header,
        words=words,
        separator=settings.separator,
        sheet=settings.sheet,
        block_rows=_BLOCK_ROWS,
    )
    blocks = source.file_format.read(source.path, options)
    for block in _first_rows(blocks, settings.max_rows):
        names |= dict.fromkeys(block.columns)
        if not source.file_format.has_optional_keys:
            _check_columns(source, schema, list(names))
        yield block
    _check_columns(source, schema, list(names))


def _check_columns(source: Source, schema: Schema, columns: list[str]) -> None:
    for name in _text_columns(source, schema):
        check_column(source.name, getattr(source.settings, name), columns, f"data.{name}")
    label = schema.target.column(source.settings)
    if label:
        check_column(source.name, label[0], columns, label[1])
    if schema.group and source.settings.group is not None:
        check_column(source.name, source.settings.group, columns, "data.group")


def _text_columns(source: Source, schema: Schema) -> list[str]:
    return [*schema.texts, *(name for name in schema.extra if getattr(source.settings, name) is not None)]


def _first_rows(blocks: Iterator[Block], max_rows: int | None) -> Iterator[Block]:
    for block in blocks:
        rows_left = len(block) if max_rows is None else max_rows - block.first_row + 1
        if rows_left < len(block):
            yield block.head(rows_left)
            return
        yield block


def _to_part(source: Source, block: Block, schema: Schema, multi_label: bool) -> pa.RecordBatch:
    settings = source.settings
    label = schema.target.column(settings)
    kind, to_label = schema.target.reader(settings, multi_label)
    names = _text_columns(source, schema)
    texts = [_column(source, block, getattr(settings, name), as_text) for name in names]
    columns = {name: _strings(values) for name, values in zip(names, texts, strict=True)}
    extras = [block.columns.get(getattr(settings, name), [None] * len(block)) for name in schema.beside]
    labels = _column(source, block, label[0], to_label, *texts, *extras) if label else [to_label(None)] * len(block)
    columns["label"] = _strings(labels, kind)
    if schema.group:
        columns["group"] = _groups(source, block, columns[schema.group])
    return _part(
        columns, rows=np.array(block.numbers, np.int64), files=[str(source.path)], file=np.zeros(len(block), np.int32)
    )


def _groups(source: Source, block: Block, default_groups: pa.Array) -> pa.Array:
    """Returns the column that `data.group` names, else the column of the other text."""
    if source.settings.group is None:
        return default_groups
    values = _column(source, block, source.settings.group, as_text)
    return _strings(
        [group if group.strip() else text for group, text in zip(values, default_groups.to_pylist(), strict=True)]
    )


def _column(source: Source, block: Block, column: str, convert: Callable[..., Any], *others: list[Any]) -> list[Any]:
    """Converts a column's values, each with the row's values of other columns; a missing column is all None."""
    values = block.columns.get(column, [None] * len(block))
    results: list[Any] = []
    try:
        for value, *other_values in zip(values, *others, strict=True):
            results.append(convert(value, *other_values))
    except ValueError as error:
        value = values[len(results)]
        position = f"{source.file_format.row_noun} {block.numbers[len(results)]}"
        raise DataError(f'{source.name}, {position}: column "{column}" {error}, got {value!r:.60}') from error
    return results


def _folder_parts(source: Source) -> Iterator[pa.RecordBatch]:
    files = folders.list_files(source.path, source.settings.max_rows)
    for start in range(0, len(files), _BLOCK_ROWS):
        some = files[start : start + _BLOCK_ROWS]
        texts = list(folders.iter_texts(source.path, some, source.settings.encoding))
        rows = np.array([ordinal for ordinal, _, _ in some], np.int64)
        names = [path for _, _, path in some]
        labels = [label for _, label, _ in some]
        columns = {"text": _strings(texts), "label": _strings(labels)}
        yield _part(columns, rows=rows, files=names, file=np.arange(len(some), dtype=np.int32))


def _part(columns: dict[str, pa.Array], *, rows: Any, files: list[str], file: Any) -> pa.RecordBatch:
    positions = {
        "row": pa.array(rows, pa.int64()),
        "file": pa.DictionaryArray.from_arrays(pa.array(file, pa.int32()), _strings(files)),
    }
    return pa.RecordBatch.from_pydict(columns | positions)


def _strings(values: list[Any], kind: pa.DataType | None = None) -> pa.Array:
    """Returns an array of a type, of strings by default."""
    kind = kind or pa.string()
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_without_surrogates(value) for value in values], kind)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_surrogates(part) for part in value]
    if isinstance(value, dict):
        return {name: _without_surrogates(part) for name, part in value.items()}
    return json_lines.replace_surrogates(value) if isinstance(value, str) else value
