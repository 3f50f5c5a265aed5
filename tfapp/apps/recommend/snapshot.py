"""A snapshot of what is known of all items at a time; nothing later is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.cooccurrence import Cooccurrence
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.popularity import Popularity
from tfapp.apps.recommend.settings import RecommendSettings

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of what is known of all items.

    Attributes:
        time: Seconds since 1970.
        newest: The time of the newest event before it, from which ages are counted: what was popular of late stays so
            while no events come.
        item_matrix: The items.
        popularity: What many like.
        liked: Which items the same users liked.
        met: Which items the same users had to do with, liked or not.
    """

    time: float
    newest: float
    item_matrix: ItemMatrix
    popularity: Popularity
    liked: Cooccurrence
    met: Cooccurrence

    @classmethod
    def at(cls, time: float, log: EventLog, item_matrix: ItemMatrix, settings: RecommendSettings) -> Self:
        """Makes the snapshot from the events before a time."""
        past, count = log.before(time), len(item_matrix)
        newest = float(past.times[-1]) if len(past) else time
        popularity = Popularity.fit(past, count=count, now=newest, days=settings.popular_days)
        sizes = {"count": count, "most": settings.neighbours}
        liked = Cooccurrence.fit(past.users, past.items, past.strengths, **sizes)
        met = Cooccurrence.fit(past.users, past.items, np.ones(len(past)), **sizes)
        return cls(time, newest, item_matrix, popularity, liked, met)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """Returns which items are available: published, or with events; bool[I]."""
        return (self.item_matrix.published <= self.time) | (self.popularity.events > 0)

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """Returns which available items have no events; bool[I]."""
        return self.there & (self.popularity.events == 0)
