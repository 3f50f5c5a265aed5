"""The base class of targets: how the label of a row is read, and the rules for the labels of each split."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.readers.word_columns import WordColumns
from tfapp.data.sources import Source
from tfapp.errors import DataError

__all__ = ["NoLabels", "Target"]


class Target(abc.ABC):
    """One kind of `label` column: names of classes, grades, spans, answers.

    A sub-class says how its column is read and what must hold of it; the rest is as here, where every row can be learnt
    from and evaluated on.
    """

    def column(self, settings: DataSettings) -> tuple[str, str] | None:
        """Returns the file's column, and the setting that names it; None: `reader` makes every row's value of None."""
        return settings.label, "data.label"

    def words(self, settings: DataSettings) -> WordColumns:
        """Returns how files with a word and its tag a line are read, if the task reads such files."""
        del settings
        return WordColumns()

    def check_source(self, source: Source, multi_label: bool) -> None:  # noqa: B027 - most go with any
        """Checks settings and format against each other.

        Raises:
            DataError: They do not go together.
        """

    @abc.abstractmethod
    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns the type of the table's column, and the converter of a file's value, which gets the row's texts too.

        The function gives None for what is missing and raises a ValueError that says what is wrong, without subject.
        """

    @abc.abstractmethod
    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Counts rows by label, in the labels' order; empty where that would say nothing."""

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """Returns the names that a model is built from, by train's column; here the labels that `counts` names."""
        del settings
        return tuple(self.counts(column))

    def merge(self, rows: Rows, train: Rows | None, settings: DataSettings) -> tuple[Rows, list[Finding]]:
        """Gives the same labels the same spelling: that of train's rows for the rows of dev or test."""
        del train, settings
        return rows, []

    def remarks(self, rows: Rows, settings: DataSettings) -> list[Finding]:
        """Returns remarks on the labels of a file, beside the problems of its rows."""
        del rows, settings
        return []

    def thin(self, from_files: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops from `from_files["train"]`, before the split, the rows that nothing can be learnt from."""
        del from_files, settings
        return []

    @abc.abstractmethod
    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Checks the splits, and drops from those that have a file of their own the rows whose label train lacks.

        Raises:
            DataError: Nothing can be learnt from train, or a split that was cut off lacks something.
        """

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Drops rows to be evaluated whose label the model does not know, or fails."""
        del labels, settings
        return rows


class NoLabels(Target):
    """The target of tasks without labels. The table's column `label` holds empty texts."""

    def column(self, settings: DataSettings) -> None:
        """Returns None: no column is read."""
        del settings

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[[Any], Any]]:
        """Returns `string`, always empty."""
        del settings, multi_label
        return pa.string(), lambda _: ""

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Returns nothing: there is nothing to count."""
        del column
        return {}

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Checks that train and dev have a row each."""
        del from_files
        for split in ("train", "dev"):
            if not len(splits[split]):
                rows = sum(map(len, splits.values()))
                raise DataError(
                    f"{settings.train}: none of {rows} rows fell on {split}; bring more texts (a long one may be cut "
                    "into rows), give a file with data.dev, or set another data.split_seed"
                )
        return []
