"""Reads jsonl: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfapp.data.readers.bounds import CELL_BYTES, check_column_count, iter_lines
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.data.readers.textfile import open_text
from tfapp.errors import DataError

__all__ = ["as_json_text", "iter_batches", "iter_blocks", "iter_objects", "replace_surrogates", "to_batch"]


def iter_objects(path: Path, options: ReadOptions) -> Iterator[dict[str, Any]]:
    """Yields the objects of a jsonl file; blank lines are skipped.

    Raises:
        DataError: A line is no JSON object; names the file and the line.
    """
    return (values for _, values, _ in _numbered_objects(path, options))


def _numbered_objects(path: Path, options: ReadOptions) -> Iterator[tuple[int, dict[str, Any], int]]:
    """Yields the line of each object, the object, and the characters of the line."""
    with open_text(path, options.encoding, newline="\n") as file:
        for line, text in enumerate(iter_lines(path, file), start=1):
            if text.isspace():
                continue
            try:
                values = _parse(text)
            except ValueError as error:
                options.refuse_row(path, line, str(error))
            else:
                yield line, values, len(text)


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Groups objects into blocks; errors as in `tfapp.data.file_formats.FileFormat.read`.

    The columns of a block are the keys that its objects have, in the order of their first use.
    """
    all_names: set[str] = set()

    def weigh(row: tuple[int, dict[str, Any], int]) -> int:
        all_names.update(row[1])
        check_column_count(path, len(all_names))
        # A row has a cell for the keys of the others, too.
        return row[2] + CELL_BYTES * len(all_names)

    objects = _numbered_objects(path, options)
    for row, rows in group_rows(objects, options.block_rows, weigh=weigh, most_bytes=options.block_bytes):
        names = dict.fromkeys(name for _, values, _ in rows for name in values if options.selects(name))
        block = {name: [values.get(name) for _, values, _ in rows] for name in names}
        yield Block(row, block, tuple(line for line, _, _ in rows) if names else ())


def iter_batches(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yields the rows with the types that hold all values of the file, which is read twice, first to find them."""
    # What is wrong with a row is told once.
    first_options = options if options.on_bad_row is None else replace(options, on_bad_row=lambda *_: None)
    schema = _infer_schema(path, first_options)
    return (to_batch(block, schema) for block in iter_blocks(path, options))


def _infer_schema(path: Path, options: ReadOptions) -> pa.Schema:
    """Reads a jsonl file once, some rows at a time, to find the types that hold all its values.

    A column whose values share no type (numbers and strings, say) becomes a string column; see `to_batch`. The columns
    are in the order of their first use.
    """
    types: dict[str, pa.DataType] = {}
    for block in iter_blocks(path, options):
        for name, values in block.columns.items():
            types[name] = _join_types(types.get(name, pa.null()), _type_of(values))
    return pa.schema([(name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in types.items()])


def to_batch(block: Block, schema: pa.Schema) -> pa.RecordBatch:
    """Converts a block to the types of a schema; in a string column, values that are no strings become JSON text."""
    arrays = [_to_array(field, block.columns.get(field.name) or [None] * len(block)) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def as_json_text(value: Any) -> str | None:
    """Gives a string as it is (a lone surrogate replaced), None as None, and anything else as JSON."""
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return replace_surrogates(text)


def replace_surrogates(text: str) -> str:
    """Puts "?" for a lone surrogate, which JSON can escape and no encoding of Unicode can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _to_array(field: pa.Field, values: list[Any]) -> pa.Array:
    if pa.types.is_string(field.type):
        values = [as_json_text(value) for value in values]
    elif pa.types.is_floating(field.type):  # Arrow itself refuses whole numbers beyond 2**53
        values = [None if value is None else float(value) for value in values]
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(
            f'column "{field.name}" holds values of types that do not go together: {error}; write all as texts'
        ) from error


def _parse(text: str) -> dict[str, Any]:
    """Parses a line.

    Raises:
        ValueError: It is no JSON object; says why.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ValueError(f"not valid JSON: {problem}; jsonl has one object a line") from error
    if not isinstance(value, dict):
        raise ValueError(  # noqa: TRY004 - the line is wrong, not an argument
            f"expected a JSON object, got {type(value).__name__}; jsonl has one object a line"
        )
    return value


def _type_of(values: list[Any]) -> pa.DataType:
    try:
        kind = pa.array(values).type
    except (pa.ArrowException, OverflowError, UnicodeError):
        return pa.string()
    return pa.string() if "struct<>" in str(kind) else kind  # parquet has no empty objects


def _join_types(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    if first == second:
        return first
    schemas = [pa.schema([("value", kind)]) for kind in (first, second)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("value").type
    except pa.ArrowException:
        return pa.string()
