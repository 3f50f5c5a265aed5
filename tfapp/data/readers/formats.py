"""Reads data files of any format as blocks of rows, by the reader of the format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from tfapp.data.readers.block import Block
from tfapp.data.readers.shards import list_shards
from tfapp.data.readers.textfile import open_bytes
from tfapp.data.readers.word_columns import WordColumns
from tfapp.errors import DataError

__all__ = [
    "INPUT_SUFFIXES",
    "SUFFIXES",
    "FileFormat",
    "data_suffix",
    "detect_format",
    "estimate_rows",
    "iter_blocks",
    "row_noun",
]

FileFormat = Literal["csv", "tsv", "jsonl", "parquet", "txt", "folder", "conll", "squad", "arrow", "xlsx"]

SUFFIXES: Final[dict[str, FileFormat]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "txt",
}

# With the formats that are read but never written.
INPUT_SUFFIXES: Final[dict[str, FileFormat]] = {
    **SUFFIXES,
    ".json": "squad",
    ".conll": "conll",
    ".iob": "conll",
    ".bio": "conll",
    ".arrow": "arrow",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}


_COMPRESSED: Final = (".gz", ".zst")


def data_suffix(path: Path) -> str:
    """Returns the suffix that names a file's format, in lower case: that of `a.csv.gz` is `.csv`."""
    is_compressed = path.suffix.lower() in _COMPRESSED
    return Path(path.stem if is_compressed else path.name).suffix.lower()


def detect_format(path: Path, format: str = "auto") -> FileFormat:  # noqa: A002 - the setting's name
    """Tells a file's format.

    Args:
        path: An existing file or folder.
        format: The setting `data.format`; "auto" goes by the suffix.

    Returns:
        The format.

    Raises:
        DataError: The suffix says nothing, or a folder is given for a file or a file for a folder.
    """
    shards = not path.is_file() and bool(list_shards(path))
    folder = "arrow" if shards else "folder"
    name = (
        (folder if path.is_dir() or shards else INPUT_SUFFIXES.get(data_suffix(path))) if format == "auto" else format
    )
    if name not in (*INPUT_SUFFIXES.values(), "folder"):
        suffixes = ", ".join(INPUT_SUFFIXES)
        raise DataError(f'{path}: the suffix "{data_suffix(path)}" names no format ({suffixes}); set data.format')
    if name == "parquet" and path.suffix.lower() in _COMPRESSED:
        raise DataError(f"{path}: parquet compresses its columns itself and cannot be read packed; unpack the file")
    if name != "arrow" and (name == "folder") != path.is_dir():
        kind = "a folder" if path.is_dir() else "a file"
        raise DataError(f'{path} is {kind}, but data.format is "{format}"; remove data.format or name another path')
    return name


def row_noun(format: FileFormat) -> str:  # noqa: A002 - the setting's name
    """Returns the word for a numbered row of a file in messages: "line" or "row"."""
    return "line" if format in ("csv", "tsv", "jsonl", "txt", "conll") else "row"


def iter_blocks(
    path: Path,
    format: FileFormat,  # noqa: A002 - the setting's name
    *,
    encoding: str = "utf-8",
    header: bool = True,
    columns: Sequence[str] | None = None,
    words: WordColumns | None = None,
    separator: str | None = None,
    sheet: str | None = None,
    block_rows: int = 8192,
) -> Iterator[Block]:
    """Reads a file in bounded memory.

    Args:
        path: The file.
        format: Its format; a folder is read by `tfapp.data.readers.folders`.
        encoding: The encoding of csv, tsv, jsonl, txt, conll and squad.
        header: Whether the first line of csv and tsv, or the first row of xlsx, names the columns.
        columns: The columns that are wanted; those that the file lacks are left out. All by default.
        words: How conll is read; it gives the columns `text` and `label`.
        separator: What separates the fields of csv; None: found by its first rows.
        sheet: The sheet of xlsx; None: the first one.
        block_rows: Rows a block, at most.

    Yields:
        The blocks in the file's order; at least one, possibly without rows, so that the columns are known.

    Raises:
        DataError: The file is broken; names the file and the line.
    """
    from tfapp.data.readers import arrow, conll, delimited, excel, json_lines, lines, parquet, squad

    match format:
        case "csv":
            records = delimited.csv_records(path, encoding, separator)
            blocks = delimited.iter_blocks(path, records, header, columns, block_rows)
        case "tsv":
            blocks = delimited.iter_blocks(path, delimited.tsv_records(path, encoding), header, columns, block_rows)
        case "jsonl":
            blocks = json_lines.iter_blocks(path, encoding, columns, block_rows)
        case "parquet":
            blocks = parquet.iter_blocks(path, columns, block_rows)
        case "arrow":
            blocks = arrow.iter_blocks(path, columns, block_rows)
        case "xlsx":
            blocks = excel.iter_blocks(path, sheet, header, columns, block_rows)
        case "squad":
            blocks = squad.iter_blocks(path, encoding, columns, block_rows)
        case "txt":
            blocks = lines.iter_blocks(path, encoding, block_rows)
        case "conll":
            blocks = conll.iter_blocks(path, encoding, words or WordColumns(), block_rows)
        case "folder":
            raise DataError(f"{path} is a folder; name a csv, tsv, jsonl, parquet or txt file")
    return blocks


def estimate_rows(path: Path, format: FileFormat) -> int | None:  # noqa: A002 - the setting's name
    """Counts rows cheaply: of parquet and arrow exactly, of text by lines, of squad by its questions; else None."""
    if format in ("folder", "conll"):
        return None
    if format == "parquet":
        from tfapp.data.readers import parquet

        return parquet.count_rows(path)
    if format == "xlsx":
        from tfapp.data.readers import excel

        return excel.count_rows(path, None)
    if format == "arrow":
        from tfapp.data.readers import arrow

        return arrow.count_rows(path)
    if format == "squad":
        with open_bytes(path) as file:
            return file.read().count(b'"question"')
    with open_bytes(path) as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))
