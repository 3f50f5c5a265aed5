"""Reads parquet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from tfapp.data.readers.read_errors import unreadable_file
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block

__all__ = ["count_rows", "iter_batches", "iter_blocks"]


def iter_batches(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a parquet file with the types that it gives them, at least one batch, possibly without rows.

    Columns that it lacks are left out.

    Raises:
        DataError: The file is no parquet file, is cut short or damaged.
    """
    with _open(path) as file:
        fields = [field for field in file.schema_arrow if options.selects(field.name)]
        if not file.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=pa.schema(fields, metadata=file.schema_arrow.metadata))
        for batch in file.iter_batches(batch_size=options.block_rows, columns=[field.name for field in fields]):
            # A damaged file may hold strings that are no UTF-8, and lists that end beyond their values.
            batch.validate(full=True)
            yield batch


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields blocks of Python values; errors as in `tfapp.data.file_formats.FileFormat.read`."""
    row = 1
    for batch in iter_batches(path, options):
        yield Block(row, {name: batch.column(name).to_pylist() for name in batch.schema.names})
        row += batch.num_rows


def count_rows(path: Path) -> int:
    """Reads the number of rows from the file's footer."""
    with _open(path) as file:
        return int(file.metadata.num_rows)


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: of a column's name
        raise unreadable_file(path, "parquet", error) from error
