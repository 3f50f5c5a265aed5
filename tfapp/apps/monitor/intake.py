"""What readers of streams hand on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from tfapp.apps.shared.records import Record, SetAside

__all__ = ["Batch", "Checkpoint", "Outcome", "Place", "Reader"]


class Place(NamedTuple):
    """A row, and where in the source it stands, for people to find it."""

    where: str
    row: Record | SetAside


@dataclass(frozen=True)
class Checkpoint:
    """How far a source has been read.

    Attributes:
        name: The source, such as a file's path.
        position: Where its reader goes on; as JSON.
    """

    name: str
    position: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What came of a batch: rows stored, known already, and set aside."""

    stored: int = 0
    repeated: int = 0
    set_aside: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.stored + other.stored, self.repeated + other.repeated, self.set_aside + other.set_aside)


def _nothing(_: Outcome) -> None:
    """Nobody waits."""


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
    rows: Sequence[Place]
    checkpoint: Checkpoint | None = None
    stored: Callable[[Outcome], None] = _nothing


class Reader(Protocol):
    """Reads a source."""

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        """The rows, as they come; ends with the source, or soon after `stop` is set.

        Raises:
            DataError: The source cannot be read.
        """
