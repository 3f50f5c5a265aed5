"""Looks at a data file once: its encoding, its header, its first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from tfapp.config import DataSettings
from tfapp.config.overrides import validate_settings
from tfapp.data.blocks import FileFormat, estimate_rows, iter_blocks
from tfapp.data.columns import looks_headless
from tfapp.data.folders import iter_texts, list_files
from tfapp.data.readers.excel import list_sheets
from tfapp.data.readers.separators import find_separator
from tfapp.data.shards import split_settings
from tfapp.data.sources import Pull, Source, resolve
from tfapp.data.textfile import find_bad_byte, open_bytes
from tfapp.errors import DataError

__all__ = ["DataSample", "take_sample"]

_SAMPLE_ROWS = 5000
_SAMPLE_FILES = 200


@dataclass(frozen=True)
class DataSample:
    """What a look at a data file shows.

    Attributes:
        source: The file, the folder of texts, or the data set.
        columns: The first rows by column; of a folder the texts alone, of a file of words and tags nothing.
        settings: Values for `DataSettings` that read it: `train`, and of the others those that are not the defaults.
        notes: What was chosen and why, a sentence each.
    """

    source: Source
    columns: Mapping[str, Sequence[Any]]
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Returns the rows of the file, estimated by its lines where it is text."""
        counted = estimate_rows(self.source.path, self.source.format)
        return counted or len(next(iter(self.columns.values()), ()))

    @property
    def column_list(self) -> str:
        """Returns the names of the columns as a message has them."""
        return ", ".join(f'"{name}"' for name in self.columns)


def take_sample(
    name: str,
    *,
    format: str = "auto",  # noqa: A002 - the setting's name
    pull: Pull | None = None,
) -> DataSample:
    """Looks at a data file.

    Args:
        name: A file, a folder of texts, or a data set's name.
        format: The file's format; "auto" goes by the suffix.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.

    Raises:
        DataError: There is no such file, it is broken or empty.
        SettingsError: There is no such format.
    """
    wanted = validate_settings(DataSettings, {"train": name, "format": format}, source="options")
    source = resolve(name, wanted, pull=pull)
    if source.asset is not None:
        return DataSample(source, _first_rows(source.path, source.format, "utf-8")[0], {"train": name})
    encoding, notes = _guess_encoding(source)
    settings = {"train": name} | ({} if encoding == "utf-8" else {"encoding": encoding})
    splits = split_settings(Path(name).expanduser())
    if splits:
        settings |= splits
        notes += (f"splits: {', '.join(f'{side} is {path}' for side, path in splits.items())}",)
    if source.format == "folder":
        files = list_files(source.path, _SAMPLE_FILES)
        return DataSample(source, {"text": list(iter_texts(source.path, files, encoding))}, settings, notes)
    settings |= {} if format == "auto" else {"format": source.format}
    if source.format == "conll":
        return DataSample(source, {}, settings, notes)
    notes += _separator_note(source, encoding) + _sheet_note(source)
    columns, header = _first_rows(source.path, source.format, encoding)
    if not any(columns.values()):
        raise DataError(f"{name}: no rows to look at")
    return DataSample(source, columns, settings if header else {**settings, "header": False}, notes)


def _separator_note(source: Source, encoding: str) -> tuple[str, ...]:
    separator = find_separator(source.path, encoding) if source.format == "csv" else ","
    name = {"\t": "a tab"}.get(separator, f'"{separator}"')
    return () if separator == "," else (f"separator: the fields are apart by {name}; data.separator would set another",)


def _sheet_note(source: Source) -> tuple[str, ...]:
    sheets = list_sheets(source.path) if source.format == "xlsx" and source.settings.sheet is None else []
    others = ", ".join(f'"{name}"' for name in sheets[1:])
    return (f'sheet: "{sheets[0]}", the first one; data.sheet would name another: {others}',) if others else ()


def _first_rows(path: Path, format: FileFormat, encoding: str) -> tuple[dict[str, list[Any]], bool]:  # noqa: A002
    """Returns the first rows by column, and whether the file has a header."""
    if format in ("csv", "tsv"):
        bare = next(iter_blocks(path, format, encoding=encoding, header=False, block_rows=_SAMPLE_ROWS + 1)).columns
        first = [values[0] for values in bare.values()]
        rest = {name: values[1:] for name, values in bare.items()}
        if looks_headless(first, rest) or len(set(first)) < len(first):
            return bare, False
        return dict(zip(first, rest.values(), strict=True)), True
    return next(iter_blocks(path, format, encoding=encoding, block_rows=_SAMPLE_ROWS)).columns, True


def _guess_encoding(source: Source) -> tuple[str, tuple[str, ...]]:
    if source.format in ("parquet", "arrow", "xlsx"):
        return "utf-8", ()
    paths = [source.path]
    if source.format == "folder":
        paths = [source.path / path for _, _, path in islice(list_files(source.path), _SAMPLE_FILES)]
    bad = next((path for path in paths if find_bad_byte(path, "utf-8")), None)
    if bad is None:
        return "utf-8", ()
    with open_bytes(bad) as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    tried = ("utf-16",) if marked else ("cp1252", "latin-1")
    encoding = next((name for name in tried if not any(find_bad_byte(path, name) for path in paths)), "latin-1")
    return encoding, (f"encoding: {bad.name} is not UTF-8; {encoding} decodes it, but check accented letters",)
