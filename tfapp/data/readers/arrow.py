"""Reads arrow files and folders of arrow or parquet files, as Hugging Face `datasets` saves them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tfapp.data.readers import parquet
from tfapp.data.readers.batch_slices import count_leaves, slice_batch
from tfapp.data.readers.bounds import check_column_count
from tfapp.data.readers.read_errors import unreadable_file
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block
from tfapp.data.readers.shards import list_shards
from tfapp.errors import DataError

__all__ = ["count_rows", "hidden_columns", "iter_batches", "iter_blocks"]

# What a file begins with that has an index of its batches; others are streams of them.
_FILE_MARK: Final = b"ARROW1"
_LOOK_ROWS: Final = 10_000


def iter_batches(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a file, or of all files of a folder, with their types; at least one batch, possibly empty.

    Raises:
        DataError: A file is damaged, or a folder has none; names it.
    """
    for file in _files(path):
        if file.suffix == ".parquet":
            yield from parquet.iter_batches(file, options)
            continue
        with _open(file) as reader:
            check_column_count(file, count_leaves(reader.schema))
            names = [name for name in reader.schema.names if options.selects(name)]
            rows = 0
            for batch in _batches(reader):
                batch.validate(full=True)
                rows += batch.num_rows
                yield from slice_batch(batch.select(names), options)
            if not rows:
                yield _empty(reader.schema, names)


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields blocks of Python values; a class label is its name, and -1 is none.

    Errors are as in `tfapp.data.file_formats.FileFormat.read`.
    """
    row = 1
    for batch in iter_batches(path, options):
        names = _class_names(batch.schema)
        values = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        yield Block(row, {name: _to_names(column, names.get(name)) for name, column in values.items()})
        row += batch.num_rows


def hidden_columns(path: Path) -> list[str]:
    """Returns the columns that are -1 in all rows, as the labels of a test split that its makers keep to themselves.

    Of a split that names classes they are columns of classes, else of numbers; none of a split without rows.

    Raises:
        DataError: A file is damaged; names it.
    """
    names: list[str] | None = None
    for batch in iter_batches(path, ReadOptions(block_rows=_LOOK_ROWS)):
        if names is None:
            classes = _class_names(batch.schema)
            types = {field.name: field.type for field in batch.schema}
            numbers = [name for name, kind in types.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)]
            names = [name for name in numbers if name in classes or not classes] if batch.num_rows else []
        names = [name for name in names if pc.all(pc.equal(batch.column(name), -1)).as_py()]
        if not names:
            break
    return names or []


def count_rows(path: Path) -> int:
    """Counts the rows, of which none is read."""
    return sum(parquet.count_rows(file) if file.suffix == ".parquet" else _count(file) for file in _files(path))


def _files(path: Path) -> list[Path]:
    files = [path] if path.is_file() else list_shards(path)
    if not files:
        raise DataError(f"{path}: no arrow or parquet files; expected a folder as datasets' save_to_disk makes it")
    return files


def _count(file: Path) -> int:
    with _open(file) as reader:
        return sum(batch.num_rows for batch in _batches(reader))


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        return (reader.get_batch(index) for index in range(reader.num_record_batches))
    return iter(reader)


def _empty(schema: pa.Schema, names: Sequence[str]) -> pa.RecordBatch:
    fields = [schema.field(name) for name in names]
    return pa.RecordBatch.from_pylist([], schema=pa.schema(fields, metadata=schema.metadata))


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    try:
        with pa.memory_map(str(file)) as source:
            mark = source.read(len(_FILE_MARK))
            source.seek(0)
            yield pa.ipc.open_file(source) if mark == _FILE_MARK else pa.ipc.open_stream(source)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise unreadable_file(file, "arrow", error) from error


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Returns the names of classes by column, as `datasets` keeps them in the schema's metadata."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        features = {name: feature.get("feature", feature) for name, feature in features.items()}
        classes = {name: feature["names"] for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
        return {name: list(map(str, names)) for name, names in classes.items() if isinstance(names, list)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _to_names(values: list[Any], names: Sequence[str] | None) -> list[Any]:
    return values if names is None else [_name(value, names) for value in values]


def _name(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_name(code, names) for code in value]
    if not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
