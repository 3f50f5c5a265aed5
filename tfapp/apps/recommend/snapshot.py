"""A snapshot of the popularity and co-occurrence of all items at a time; nothing later is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.cooccurrence import Cooccurrence
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.settings import RecommendSettings

__all__ = ["Popularity", "Snapshot"]

_DAY: Final = 86_400.0
# Events that the mean of all items stands for in the share of one: few say little.
_PRIOR: Final = 10.0


@dataclass(frozen=True)
class Popularity:
    """Counts of events of I items at a time.

    Attributes:
        events: float[I], events.
        likes: float[I], those of them that liked the item.
        share: float[I], likes of events, drawn to the mean of all items.
        lately: float[D, I], likes that count half after so many days, for each of D numbers of days.
    """

    events: NDArray[np.float64]
    likes: NDArray[np.float64]
    share: NDArray[np.float64]
    lately: NDArray[np.float64]

    @classmethod
    def fit(cls, log: EventLog, *, count: int, now: float, days: Sequence[float]) -> Self:
        """Counts events.

        Args:
            log: Events before `now`.
            count: I.
            now: The time, in seconds since 1970.
            days: D half-lives.
        """
        is_like = (log.strengths > 0).astype(np.float64)
        events, likes = (_sums(log.items, weights, count) for weights in (np.ones(len(log)), is_like))
        mean = is_like.mean() if len(log) else 0.0
        ages = (now - log.times) / _DAY
        lately = [_sums(log.items, is_like * 0.5 ** (ages / half), count) for half in days]
        return cls(events, likes, (likes + _PRIOR * mean) / (events + _PRIOR), np.stack(lately))

    @property
    def current(self) -> NDArray[np.float64]:
        """Returns the recent likes of each item, float[I], by the middle one of the half-lives."""
        return self.lately[len(self.lately) // 2]


def _sums(items: NDArray[np.intp], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.bincount(items, weights, minlength=count).astype(np.float64)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of the popularity and co-occurrence of all items at a time.

    Attributes:
        time: Seconds since 1970.
        newest: The time of the newest event before it, from which ages are counted: what was popular of late stays so
            while no events come.
        item_matrix: The items.
        popularity: What many like.
        like_cooccurrence: Which items the same users liked.
        event_cooccurrence: Which items the same users had to do with, liked or not.
    """

    time: float
    newest: float
    item_matrix: ItemMatrix
    popularity: Popularity
    like_cooccurrence: Cooccurrence
    event_cooccurrence: Cooccurrence

    @classmethod
    def at(cls, time: float, log: EventLog, item_matrix: ItemMatrix, settings: RecommendSettings) -> Self:
        """Makes the snapshot from the events before a time."""
        past, count = log.before(time), len(item_matrix)
        newest = float(past.times[-1]) if len(past) else time
        popularity = Popularity.fit(past, count=count, now=newest, days=settings.popular_days)
        sizes = {"count": count, "max_neighbours": settings.neighbours}
        like_cooccurrence = Cooccurrence.fit(past.users, past.items, past.strengths, **sizes)
        event_cooccurrence = Cooccurrence.fit(past.users, past.items, np.ones(len(past)), **sizes)
        return cls(time, newest, item_matrix, popularity, like_cooccurrence, event_cooccurrence)

    @cached_property
    def available(self) -> NDArray[np.bool_]:
        """Returns which items are available: published, or with events; bool[I]."""
        return (self.item_matrix.published <= self.time) | (self.popularity.events > 0)

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """Returns which available items have no events; bool[I]."""
        return self.available & (self.popularity.events == 0)
