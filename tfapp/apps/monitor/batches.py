"""Batches of rows, as readers of streams yield them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tfapp.apps.shared.record_reader import Record, RejectedRow

__all__ = ["Batch", "Checkpoint", "IngestCounts", "Reader", "SourceRow"]


class SourceRow(NamedTuple):
    """A row and its position in the source."""

    where: str
    row: Record | RejectedRow


@dataclass(frozen=True)
class Checkpoint:
    """A position up to which a source, such as a file's path, has been read; its reader goes on there. It is JSON."""

    name: str
    position: Mapping[str, Any]


@dataclass(frozen=True)
class IngestCounts:
    """The counts of ingested rows: stored, known already, and rejected."""

    stored: int = 0
    repeated: int = 0
    rejected: int = 0

    def __add__(self, other: IngestCounts) -> IngestCounts:
        return IngestCounts(self.stored + other.stored, self.repeated + other.repeated, self.rejected + other.rejected)


@dataclass(frozen=True)
class Batch:
    """Rows that are stored together.

    Attributes:
        source: Where they come from, for those that do not say it themselves.
        rows: The rows.
        checkpoint: Is kept with them, in one transaction; None: the source cannot be read again.
        stored: Is told when they are stored.
    """

    source: str
    rows: Sequence[SourceRow]
    checkpoint: Checkpoint | None = None
    stored: Callable[[IngestCounts], None] = lambda _: None


class Reader(Protocol):
    """A reader of a source."""

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """Yields the rows as they come; ends with the source, or soon after `stop` is set.

        Raises:
            DataError: The source cannot be read.
        """
