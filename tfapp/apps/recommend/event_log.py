"""The events of all users in order of time, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.file_entries import EventKind
from tfapp.apps.recommend.settings import RecommendSettings

__all__ = ["EventLog", "strength"]


def strength(kind: EventKind, value: float | None, settings: RecommendSettings) -> float:
    """Returns how much interest an event shows: 1 a click or like, less for a view, -1 a dislike, 0 none."""
    if kind == "view":
        return settings.view_weight
    if kind == "click" or value is None:
        return 1.0
    return 1.0 if value >= settings.like_from else -1.0 if value < settings.dislike_below else 0.0


@dataclass(frozen=True)
class EventLog:
    """The N events of all users.

    Attributes:
        users: int[N], numbers of users.
        items: int[N], rows of items in the item matrix.
        strengths: float[N], as `strength` gives them; over 0: the item was liked.
        rated: bool[N], whether it was a rating.
        times: float[N], seconds since 1970, rising.
    """

    users: NDArray[np.intp]
    items: NDArray[np.intp]
    strengths: NDArray[np.float64]
    rated: NDArray[np.bool_]
    times: NDArray[np.float64]

    @classmethod
    def of(cls, users: Any, items: Any, strengths: Any, ratings: Any, times: Any) -> Self:
        """Sorts columns by time; of the same time, the given order stays."""
        order = np.argsort(np.asarray(times, np.float64), kind="stable")
        columns = (
            (users, np.intp),
            (items, np.intp),
            (strengths, np.float64),
            (ratings, np.bool_),
            (times, np.float64),
        )
        return cls(*(np.asarray(column, kind)[order] for column, kind in columns))  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.times)

    def before(self, time: float) -> EventLog:
        """Returns the events before a time."""
        return self[: int(np.searchsorted(self.times, time, "left"))]

    def __getitem__(self, rows: Any) -> EventLog:
        """Returns some of the events: a slice, a mask, or rising row numbers."""
        return EventLog(self.users[rows], self.items[rows], self.strengths[rows], self.rated[rows], self.times[rows])

    def by_user(self) -> Iterator[EventLog]:
        """Yields each user's events."""
        order = np.argsort(self.users, kind="stable")
        starts = np.flatnonzero(np.diff(self.users[order])) + 1
        yield from (self[rows] for rows in np.split(order, starts) if len(rows))
