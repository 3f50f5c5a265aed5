"""The schema of a task's rows, which reading, cleaning and splitting go by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tfapp.config import DataSettings, FormatName
from tfapp.data.file_formats import FORMATS
from tfapp.data.targets import Target

__all__ = ["TABLES", "Schema"]


@dataclass(frozen=True)
class Schema:
    """The schema of a task's rows: their columns of texts, their target, and the formats that can hold them.

    Attributes:
        task: The task's name.
        texts: The columns of texts, each named by the setting of its name; rows that have them all the same, and the
            extra ones, are duplicates.
        target: What the column `label` is.
        formats: The formats that can hold such rows.
        extra: Columns of texts that a table has where the setting of their name is set; a row's may be empty.
        group: The column of texts whose rows with the same text stay in one split, unless `data.group`
            names another; None: every row for itself.
        beside: Settings that name columns which the target reads beside its own, behind the texts; a file may lack
            them.
        settings: The section `data` that names the columns.
    """

    task: str
    texts: tuple[str, ...]
    target: Target
    formats: tuple[FormatName, ...]
    extra: tuple[str, ...] = ()
    group: str | None = None
    beside: tuple[str, ...] = ()
    settings: type[DataSettings] = DataSettings


TABLES: Final[tuple[FormatName, ...]] = tuple(name for name, file_format in FORMATS.items() if file_format.table)
"""The formats of tables."""
