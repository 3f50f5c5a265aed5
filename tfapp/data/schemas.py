"""What the rows of each task are: the one table that reading, cleaning and splitting go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tfapp.data.answers import AnswerTarget
from tfapp.data.blocks import FileFormat
from tfapp.data.classes import ClassTarget
from tfapp.data.grades import GradeTarget
from tfapp.data.spans import SpanTarget
from tfapp.data.targets import Target
from tfapp.data.unlabelled import NoLabels
from tfapp.tasks import TEXT_COLUMNS

__all__ = ["SCHEMAS", "Schema"]


@dataclass(frozen=True)
class Schema:
    """The rows of a task.

    Attributes:
        texts: The columns of texts, each named by the setting of its name; rows that have them all the same are
            duplicates.
        target: What the column `label` is.
        formats: The formats that can hold such rows.
        group: The column of texts whose rows with the same text stay on one side of a split, unless `data.group`
            names another; None: every row for itself.
        beside: Settings that name columns which the target reads beside its own, behind the texts; a file may lack
            them.
    """

    texts: tuple[str, ...]
    target: Target
    formats: tuple[FileFormat, ...]
    group: str | None = None
    beside: tuple[str, ...] = ()


_TABLES: Final[tuple[FileFormat, ...]] = ("csv", "tsv", "jsonl", "parquet")

SCHEMAS: Final[Mapping[str, Schema]] = {
    "classification": Schema(TEXT_COLUMNS["classification"], ClassTarget(), (*_TABLES, "folder")),
    "pair-classification": Schema(TEXT_COLUMNS["pair-classification"], ClassTarget(), _TABLES, group="query"),
    "ranking": Schema(TEXT_COLUMNS["ranking"], GradeTarget(), _TABLES, group="query"),
    "tagging": Schema(TEXT_COLUMNS["tagging"], SpanTarget(), ("jsonl", "parquet", "conll")),
    "answering": Schema(
        TEXT_COLUMNS["answering"], AnswerTarget(), (*_TABLES, "squad"), group="context", beside=("answer_start",)
    ),
    "pretraining": Schema(TEXT_COLUMNS["pretraining"], NoLabels(), (*_TABLES, "txt", "folder")),
}
