"""The formats of data files: one record for each, with all that reading, sniffing and scoring know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa

from tfapp.config import FormatName
from tfapp.data.readers import arrow, conll, delimited, excel, json_lines, lines, parquet, separators, squad
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block
from tfapp.data.readers.shards import list_shards
from tfapp.data.readers.textfile import count_lines
from tfapp.data.scored_rows import CsvWriter, JsonLinesWriter, ParquetWriter, RowWriter, TsvWriter
from tfapp.errors import DataError

__all__ = ["FORMATS", "SUFFIXES", "FileFormat", "data_suffix", "detect_format", "output_writer"]


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A format of data files.

    Attributes:
        suffixes: The suffixes of its files, the usual one first; none: it is not told by the suffix.
        content: What its files hold, in the words of messages.
        read: Yields the blocks of a file in its order; at least one, possibly without rows, so that the columns are
            known. It raises a DataError, which names the file and the line, where the file is broken.
        read_batches: Yields the blocks as batches of the file's own types; None: all columns become strings.
        count_rows: Returns the rows of a file, or an estimate, cheaply; None where that cannot be.
        table: Whether it is a table, and of which values: flat ones, which are strings, numbers and the like; or nested
            ones too, such as lists. None: it holds what `content` says, and only some tasks take it.
        row_noun: The word for a numbered row in messages.
        is_text: Whether it has an encoding.
        has_optional_header: Whether a file may lack the names of columns, so that its first rows must tell.
        has_optional_keys: Whether a row may leave columns out, so that only the whole file tells which there are.
        is_sampled: Whether the first rows tell what the file is.
        sniff_notes: Returns notes on the options that are found out by the file, such as its separator.
        writer: Writes rows with a model's answers; None: it is only read.
        scored_as: The format of the scored file by default; None: its files cannot be scored row by row.
    """

    suffixes: tuple[str, ...]
    content: str
    read: Callable[[Path, ReadOptions], Iterator[Block]]
    read_batches: Callable[[Path, ReadOptions], Iterator[pa.RecordBatch]] | None = None
    count_rows: Callable[[Path], int | None] = lambda _: None
    table: Literal["flat", "nested"] | None = None
    row_noun: str = "row"
    is_text: bool = True
    has_optional_header: bool = False
    has_optional_keys: bool = False
    is_sampled: bool = True
    sniff_notes: Callable[[Path, ReadOptions], tuple[str, ...]] = lambda *_: ()
    writer: RowWriter | None = None
    scored_as: FormatName | None = None

    def iter_batches(self, path: Path, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        """Yields the rows of a file in batches of one schema; at least one, possibly without rows."""
        if self.read_batches is not None:
            yield from self.read_batches(path, options)
            return
        for block in self.read(path, options):
            yield json_lines.to_batch(block, pa.schema([(name, pa.string()) for name in block.columns]))


def _refuse_folder(path: Path, _: ReadOptions) -> Iterator[Block]:
    raise DataError(f"{path} is a folder; name a csv, tsv, jsonl, parquet or txt file")


FORMATS: Final[dict[FormatName, FileFormat]] = {
    "csv": FileFormat(
        suffixes=(".csv",),
        content="single values, no lists",
        read=delimited.iter_csv_blocks,
        count_rows=count_lines,
        table="flat",
        row_noun="line",
        has_optional_header=True,
        sniff_notes=separators.separator_notes,
        writer=CsvWriter(),
        scored_as="csv",
    ),
    "tsv": FileFormat(
        suffixes=(".tsv", ".tab"),
        content="single values, no lists",
        read=delimited.iter_tsv_blocks,
        count_rows=count_lines,
        table="flat",
        row_noun="line",
        has_optional_header=True,
        writer=TsvWriter(),
        scored_as="tsv",
    ),
    "jsonl": FileFormat(
        suffixes=(".jsonl", ".ndjson"),
        content="objects, one a line",
        read=json_lines.iter_blocks,
        read_batches=json_lines.iter_batches,
        count_rows=count_lines,
        table="nested",
        row_noun="line",
        has_optional_keys=True,
        writer=JsonLinesWriter(),
        scored_as="jsonl",
    ),
    "parquet": FileFormat(
        suffixes=(".parquet", ".pq"),
        content="columns of any type",
        read=parquet.iter_blocks,
        read_batches=parquet.iter_batches,
        count_rows=parquet.count_rows,
        table="nested",
        is_text=False,
        writer=ParquetWriter(),
        scored_as="parquet",
    ),
    "txt": FileFormat(
        suffixes=(".txt",),
        content="texts, one a line",
        read=lines.iter_blocks,
        count_rows=count_lines,
        row_noun="line",
        scored_as="csv",
    ),
    "folder": FileFormat(suffixes=(), content="texts, one a file", read=_refuse_folder, is_sampled=False),
    "squad": FileFormat(
        suffixes=(".json",),
        content="questions on paragraphs",
        read=squad.iter_blocks,
        count_rows=squad.count_rows,
        scored_as="jsonl",
    ),
    "conll": FileFormat(
        suffixes=(".conll", ".iob", ".bio"),
        content="words with tags",
        read=conll.iter_blocks,
        row_noun="line",
        is_sampled=False,
    ),
    "arrow": FileFormat(
        suffixes=(".arrow",),
        content="columns of any type",
        read=arrow.iter_blocks,
        read_batches=arrow.iter_batches,
        count_rows=arrow.count_rows,
        table="nested",
        is_text=False,
        scored_as="parquet",
    ),
    "xlsx": FileFormat(
        suffixes=(".xlsx", ".xlsm"),
        content="single values, no lists",
        read=excel.iter_blocks,
        count_rows=excel.count_rows,
        table="flat",
        is_text=False,
        sniff_notes=excel.sheet_notes,
        scored_as="csv",
    ),
}

SUFFIXES: Final[dict[str, FormatName]] = {
    suffix: name for name, file_format in FORMATS.items() for suffix in file_format.suffixes
}
"""The format that a file's suffix names."""

_COMPRESSED: Final = (".gz", ".zst")


def data_suffix(path: Path) -> str:
    """Returns the suffix that names a file's format, in lower case: that of `a.csv.gz` is `.csv`."""
    is_compressed = path.suffix.lower() in _COMPRESSED
    return Path(path.stem if is_compressed else path.name).suffix.lower()


def detect_format(path: Path, format: str = "auto") -> FormatName:  # noqa: A002 - the setting's name
    """Tells a file's format.

    Args:
        path: An existing file or folder.
        format: The setting `data.format`; "auto" goes by the suffix.

    Returns:
        The format.

    Raises:
        DataError: The suffix says nothing, a folder is given for a file or a file for a folder, or it is a pipe or a
            device.
    """
    shards = not path.is_file() and bool(list_shards(path))
    if not shards and path.exists() and not (path.is_file() or path.is_dir()):
        # It is read several times, and a pipe may never end.
        raise DataError(f"{path} is a pipe or a device, not a file or a folder; write what it gives to a file first")
    folder: FormatName = "arrow" if shards else "folder"
    suffix_format = folder if path.is_dir() or shards else SUFFIXES.get(data_suffix(path))
    name = next((known for known in FORMATS if known == format), None) if format != "auto" else suffix_format
    if name is None:
        raise DataError(
            f'{path}: the suffix "{data_suffix(path)}" names no format ({", ".join(SUFFIXES)}); set data.format'
        )
    if name == "parquet" and path.suffix.lower() in _COMPRESSED:
        raise DataError(f"{path}: parquet compresses its columns itself and cannot be read packed; unpack the file")
    if name != "arrow" and (name == "folder") != path.is_dir():
        kind = "a folder" if path.is_dir() else "a file"
        raise DataError(f'{path} is {kind}, but data.format is "{format}"; remove data.format or name another path')
    return name


def output_writer(target: Path) -> RowWriter:
    """Returns the writer of a target, by its suffix.

    Raises:
        DataError: The suffix names no format that is written.
    """
    writers = {suffix: FORMATS[name].writer for suffix, name in SUFFIXES.items()}
    writer = writers.get(target.suffix.lower())
    if writer is None:
        suffixes = ", ".join(suffix for suffix, other in writers.items() if other)
        raise DataError(f'{target}: the suffix "{target.suffix}" names no output format; use {suffixes}')
    return writer
