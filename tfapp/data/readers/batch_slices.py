"""Slices record batches by what their values take in memory, dictionaries and shared strings written out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfapp.data.readers.bounds import CELL_BYTES
from tfapp.data.readers.read_options import ReadOptions

__all__ = ["count_leaves", "join_batches", "longest_string", "slice_batch"]


def slice_batch(batch: pa.RecordBatch, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a batch in slices of at most `block_rows` rows and about `block_bytes` bytes."""
    for start in range(0, batch.num_rows, options.block_rows):
        yield from _halve(batch.slice(start, options.block_rows), options.block_bytes)


def join_batches(batches: Iterable[pa.RecordBatch], options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Joins small batches into such of at most `block_rows` rows and about `block_bytes` bytes."""
    parts: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        batch_bytes = sum(map(_value_bytes, batch.columns))
        if parts and (rows + batch.num_rows > options.block_rows or size + batch_bytes > options.block_bytes):
            yield pa.concat_batches(parts)
            parts, rows, size = [], 0, 0
        parts.append(batch)
        rows, size = rows + batch.num_rows, size + batch_bytes
    if parts:
        yield pa.concat_batches(parts)


def longest_string(array: pa.Array) -> int:
    """Returns the bytes of the longest string in an array's dictionary; 0 of an array that has no dictionary."""
    if not pa.types.is_dictionary(array.type) or not len(array.dictionary):
        return 0
    return int(pc.max(pc.binary_length(array.dictionary)).as_py() or 0)


def count_leaves(schema: pa.Schema) -> int:
    """Returns the columns of a schema, of which each field of a struct is one."""
    fields, count = list(schema), 0
    while fields:
        kind = fields.pop().type
        children = [kind.field(index) for index in range(kind.num_fields)]
        fields += children
        count += not children
    return count


def _halve(batch: pa.RecordBatch, most_bytes: int) -> Iterator[pa.RecordBatch]:
    if batch.num_rows < 2 or sum(map(_value_bytes, batch.columns)) <= most_bytes:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _halve(batch.slice(0, middle), most_bytes)
    yield from _halve(batch.slice(middle), most_bytes)


def _value_bytes(array: Any) -> int:
    """Returns about how much memory the values of an array take as Python objects, at least."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _value_bytes(array.storage)
    if pa.types.is_dictionary(kind):
        size = _dictionary_bytes(array)
    elif isinstance(array, pa.MapArray | pa.ListArray | pa.LargeListArray):
        children = [array.keys, array.items] if isinstance(array, pa.MapArray) else [array.values]
        start, end = (array.offsets[position].as_py() for position in (0, -1)) if len(array) else (0, 0)
        size = sum(_value_bytes(child.slice(start, end - start)) for child in children)
    elif pa.types.is_struct(kind):
        size = sum(map(_value_bytes, array.flatten()))
    elif pa.types.is_fixed_size_list(kind):
        size = _value_bytes(array.flatten())
    elif pa.types.is_run_end_encoded(kind) or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        size = len(array) * _value_bytes(array.values)
    elif pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # Each view begins with the length of its string, whose bytes others may share.
        lengths = np.frombuffer(array.buffers()[1] or b"", np.int32)[::4]
        size = int(lengths[array.offset : array.offset + len(array)].sum(dtype=np.int64))
    else:
        size = int(array.nbytes)
    return CELL_BYTES * len(array) + size


def _dictionary_bytes(array: pa.DictionaryArray) -> int:
    """Returns the bytes of the values that the indices of a dictionary stand for."""
    kind = array.dictionary.type
    if any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    ):
        lengths = pc.binary_length(array.dictionary).cast(pa.int64())
        return pc.sum(lengths.take(array.indices)).as_py() or 0
    return 0 if pa.types.is_primitive(kind) else len(array) * _value_bytes(array.dictionary)
