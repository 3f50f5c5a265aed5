"""Looks at a data file once: its encoding, its header, its first rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfapp.config import DataSettings
from tfapp.config.overrides import validate_settings
from tfapp.data.proposals.columns import guess_text, looks_headless
from tfapp.data.proposals.text_encoding import guess_encoding
from tfapp.data.readers.arrow import hidden_columns
from tfapp.data.readers.folders import iter_texts, list_files
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.shards import split_settings
from tfapp.data.sources import Pull, Source, resolve
from tfapp.errors import DataError, did_you_mean

__all__ = ["DataSample", "take_sample"]

_SAMPLE_ROWS = 5000
_SAMPLE_BYTES = 1 << 24
_SAMPLE_FILES = 200


@dataclass(frozen=True)
class DataSample:
    """The first rows of a data file, with the settings that read it.

    Attributes:
        source: The file, the folder of texts, or the data set.
        columns: The first rows by column; of a folder the texts alone, of a file of words and tags nothing.
        settings: Values for `DataSettings` that read it: `train`, and of the others those that are not the defaults.
        notes: What was chosen and why, a sentence each.
        hints: Values for `DataSettings` that the user gave, of the columns' names among others; they are in `settings`,
            too, and win over what a proposal chooses.
    """

    source: Source
    columns: Mapping[str, Sequence[Any]]
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    hints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text_column(self) -> str | None:
        """Returns the column of the texts: the one that the user named, or the likeliest; None: none has texts.

        Raises:
            DataError: The file lacks the column that the user named.
        """
        return self.named_column("text") or guess_text(self.columns)

    @property
    def label_columns(self) -> Mapping[str, Sequence[Any]]:
        """Returns the columns that may hold labels: all, or the one that the user named.

        Raises:
            DataError: The file lacks the column that the user named.
        """
        label = self.named_column("label")
        return {label: self.columns[label]} if label else self.columns

    @property
    def holds_strings(self) -> bool:
        """Returns whether all values are strings, numbers and lists of labels too, as the format has no others."""
        return self.source.file_format.table == "flat"

    def named_column(self, setting: str) -> str | None:
        """Returns the column that the user named for a setting of the section `data`; None: the user named none.

        Raises:
            DataError: The file lacks it.
        """
        name = self.hints.get(setting)
        if name is not None and self.columns and name not in self.columns:
            hint = did_you_mean(name, list(self.columns))
            raise DataError(
                f'{self.source.name}: no column "{name}" (data.{setting}); columns: {self.column_list}{hint}'
            )
        return name

    @property
    def rows(self) -> int:
        """Returns the rows of the file, estimated by its lines where it is text."""
        file_format = self.source.file_format
        estimate = file_format.count_rows(self.source.path)
        if estimate and file_format.has_optional_header and self.settings.get("header", True):
            estimate -= 1
        return estimate or len(next(iter(self.columns.values()), ()))

    @property
    def column_list(self) -> str:
        """Returns the names of the columns as a message has them."""
        return ", ".join(f'"{name}"' for name in self.columns)


def take_sample(
    name: str,
    *,
    hints: Mapping[str, Any] | None = None,
    pull: Pull | None = None,
) -> DataSample:
    """Looks at a data file.

    Args:
        name: A file, a folder of texts, or a data set's name.
        hints: Values for the section `data` that the user gave, such as `format`, `encoding`, `separator`, `header`,
            `test` and the names of columns.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.

    Raises:
        DataError: There is no such file, it is broken or empty.
        SettingsError: A hint breaks its rule.
    """
    hints = {} if hints is None else dict(hints)
    # Columns of a task's own are no settings of all tasks.
    data_hints = {setting: value for setting, value in hints.items() if setting in DataSettings.model_fields}
    source = resolve(name, validate_settings(DataSettings, {**data_hints, "train": name}, source="options"), pull=pull)
    settings = {"train": name, **hints}
    if source.asset is not None:
        return DataSample(source, _first_rows(source, "utf-8", hints)[0], settings, hints=hints)
    encoding, notes = guess_encoding(source, _SAMPLE_FILES) if "encoding" not in hints else (hints["encoding"], ())
    settings |= {} if encoding == "utf-8" else {"encoding": encoding}
    splits = split_settings(Path(name).expanduser())
    if splits:
        without_labels = {
            split: path for split, path in splits.items() if split not in hints and _hides_labels(splits, split)
        }
        splits = {split: path for split, path in splits.items() if split not in without_labels}
        notes += tuple(
            f"{split}: {path} is not used, since its labels are hidden (-1); {split} is cut from train"
            for split, path in without_labels.items()
        )
        settings |= {**splits, **hints}
        notes += (f"splits: {', '.join(f'{split} is {path}' for split, path in splits.items())}",)
    if source.format == "folder":
        files = list_files(source.path, _SAMPLE_FILES)
        return DataSample(source, {"text": list(iter_texts(source.path, files, encoding))}, settings, notes, hints)
    if not source.file_format.is_sampled:
        return DataSample(source, {}, settings, notes, hints)
    notes += source.file_format.sniff_notes(source.path, _read_options(source, encoding))
    columns, header = _first_rows(source, encoding, hints)
    if not any(columns.values()):
        raise DataError(f"{name}: no rows to look at; give a file that has some")
    return DataSample(source, columns, settings if header else {**settings, "header": False}, notes, hints)


def _hides_labels(splits: Mapping[str, str], split: str) -> bool:
    """Returns whether a column is -1 in all rows of a split, and is not so in train."""
    hidden = hidden_columns(Path(splits[split])) if split != "train" else []
    return bool(hidden) and not set(hidden) <= set(hidden_columns(Path(splits["train"])))


def _read_options(source: Source, encoding: str, *, header: bool = True, rows: int = _SAMPLE_ROWS) -> ReadOptions:
    separator, sheet = source.settings.separator, source.settings.sheet
    return ReadOptions(
        encoding=encoding,
        header=header,
        separator=separator,
        sheet=sheet,
        block_rows=rows,
        block_bytes=_SAMPLE_BYTES,
    )


def _first_rows(source: Source, encoding: str, hints: Mapping[str, Any]) -> tuple[dict[str, list[Any]], bool]:
    """Returns the first rows by column, and whether the file has a header."""
    file_format = source.file_format
    if file_format.has_optional_header and "header" not in hints:
        options = _read_options(source, encoding, header=False, rows=_SAMPLE_ROWS + 1)
        columns = _first_columns(source, options)
        first = [values[0] for values in columns.values()]
        rows = {name: values[1:] for name, values in columns.items()}
        if looks_headless(first, rows) or len(set(first)) < len(first):
            return columns, False
        return dict(zip(first, rows.values(), strict=True)), True
    header = hints.get("header", True)
    return _first_columns(source, _read_options(source, encoding, header=header)), header


def _first_columns(source: Source, options: ReadOptions) -> dict[str, list[Any]]:
    """Returns the columns of a file's first block, none of a file without one."""
    block = next(source.file_format.read(source.path, options), None)
    return {} if block is None else block.columns
