"""What is known of all items at a moment; nothing that comes later is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.cooccurrence import Cooccurrence
from tfapp.apps.recommend.log import Log
from tfapp.apps.recommend.popularity import Popularity
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.shelf import Shelf

__all__ = ["Moment"]


@dataclass(frozen=True)
class Moment:
    """A moment.

    Attributes:
        time: Seconds since 1970.
        newest: The time of the newest event before it, from which ages are counted: what was popular of late stays so
            while no events come.
        shelf: The items.
        popularity: What many like.
        liked: Which items the same users liked.
        met: Which items the same users had to do with, liked or not.
    """

    time: float
    newest: float
    shelf: Shelf
    popularity: Popularity
    liked: Cooccurrence
    met: Cooccurrence

    @classmethod
    def at(cls, time: float, log: Log, shelf: Shelf, settings: RecommendSettings) -> Self:
        """Counts what is known.

        Args:
            time: The moment, in seconds since 1970.
            log: Events; those before the moment count.
            shelf: The items.
            settings: How many neighbours are kept, and which half-lives count.
        """
        past, count = log.before(time), len(shelf)
        newest = float(past.times[-1]) if len(past) else time
        popularity = Popularity.fit(past, count=count, now=newest, days=settings.popular_days)
        sizes = {"count": count, "most": settings.neighbours}
        liked = Cooccurrence.fit(past.users, past.items, past.strengths, **sizes)
        met = Cooccurrence.fit(past.users, past.items, np.ones(len(past)), **sizes)
        return cls(time, newest, shelf, popularity, liked, met)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """The items that are there: published, or with events, which is why they must have been; bool[I]."""
        return (self.shelf.published <= self.time) | (self.popularity.events > 0)

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """The items that are there, and of which nothing is known but the text; bool[I]."""
        return self.there & (self.popularity.events == 0)
