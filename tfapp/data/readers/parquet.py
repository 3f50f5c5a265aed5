"""Reads parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from tfapp.data.readers.batch_slices import count_leaves, join_batches, longest_string, slice_batch
from tfapp.data.readers.bounds import check_column_count
from tfapp.data.readers.read_errors import unreadable_file
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block

__all__ = ["count_rows", "iter_batches", "iter_blocks"]

# What is read at a time, by the longest string of a dictionary or the mean of a large group.
_BATCH_BYTES: Final = 1 << 26
_GROUP_BYTES: Final = 1 << 29


def iter_batches(path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a parquet file with the types that it gives them, at least one batch, possibly without rows.

    Columns that it lacks are left out.

    Raises:
        DataError: The file is no parquet file, is cut short or damaged.
    """
    with _open(path) as file:
        check_column_count(path, count_leaves(file.schema_arrow))
        fields = [field for field in file.schema_arrow if options.selects(field.name)]
        schema = pa.schema(fields, metadata=file.schema_arrow.metadata)
        if not file.metadata.num_rows:
            yield pa.RecordBatch.from_pylist([], schema=schema)
        rows = min(_batch_rows(path, file.metadata, schema.names), options.block_rows)
        for batch in join_batches(file.iter_batches(batch_size=rows, columns=schema.names), options):
            # A damaged file may hold strings that are no UTF-8, and lists that end beyond their values.
            batch.validate(full=True)
            yield from slice_batch(batch, options)


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


def _batch_rows(path: Path, metadata: Any, names: Sequence[str]) -> int:
    """Returns the rows that fit into memory at once.

    A string of a dictionary takes its bytes in every row that it stands in. Dictionaries are before a group's rows, so
    they are read with the first.
    """
    columns = (metadata.schema.column(index) for index in range(metadata.num_columns))
    strings = [column.path for column in columns if column.physical_type == "BYTE_ARRAY" and column.path in names]
    row_bytes = 1
    with _open(path, strings) as file:
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            row_bytes = max(row_bytes, group.total_byte_size * _BATCH_BYTES // _GROUP_BYTES // max(group.num_rows, 1))
            for batch in islice(file.iter_batches(batch_size=1, row_groups=[index], columns=strings), 1):
                row_bytes = max(row_bytes, sum(map(longest_string, batch.columns)))
    return max(_BATCH_BYTES // row_bytes, 1)


@contextmanager
def _open(path: Path, dictionaries: Sequence[str] = ()) -> Iterator[Any]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, read_dictionary=dictionaries) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: of a column's name
        raise unreadable_file(path, "parquet", error) from error
