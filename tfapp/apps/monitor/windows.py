"""Windows of time, and the counts of texts in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple

from tfapp.apps.monitor.message import ClassifiedMessage

__all__ = ["WIDTHS", "Cell", "Counts", "WidthName", "count", "window_start"]

WidthName = Literal["minute", "hour", "day"]
WIDTHS: Final[dict[WidthName, timedelta]] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
"""The widths of windows; days are those of UTC."""


class Cell(NamedTuple):
    """The key of a count: a topic's texts in a window, from a source or about an entity.

    Attributes:
        width: The window's width.
        start: Its first moment.
        topic: The texts' topic.
        by: `source`, in which each text is counted once; or `entity`, once for each entity that it names.
        name: The source; or the entity, as TAG:NAME.
    """

    width: WidthName
    start: datetime
    topic: str
    by: Literal["source", "entity"]
    name: str


@dataclass(frozen=True)
class Counts:
    """The number of texts, and how many of them are negative and positive."""

    texts: int = 0
    negatives: int = 0
    positives: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.texts + other.texts, self.negatives + other.negatives, self.positives + other.positives)

    @property
    def share(self) -> float | None:
        """Returns the share of negative texts; None where there are no texts."""
        return self.negatives / self.texts if self.texts else None


def window_start(time: datetime, width: WidthName) -> datetime:
    """Returns the first moment of the window that a time lies in.

    Example:
        >>> window_start(datetime(2026, 3, 1, 12, 34, tzinfo=UTC), "hour").isoformat()
        '2026-03-01T12:00:00+00:00'
    """
    utc = time.astimezone(UTC)
    minute = utc.replace(second=0, microsecond=0)
    if width == "minute":
        return minute
    return minute.replace(minute=0) if width == "hour" else minute.replace(hour=0, minute=0)


def count(texts: Iterable[ClassifiedMessage], *, negative: str, positive: str) -> dict[Cell, Counts]:
    """Counts texts in all windows that they lie in."""
    counts: defaultdict[Cell, Counts] = defaultdict(Counts)
    for text in texts:
        text_counts = Counts(1, int(text.sentiment == negative), int(text.sentiment == positive))
        for width in WIDTHS:
            start = window_start(text.message.time, width)
            counts[Cell(width, start, text.topic, "source", text.message.source)] += text_counts
            for entity in text.entities:
                counts[Cell(width, start, text.topic, "entity", entity.name)] += text_counts
    return dict(counts)
