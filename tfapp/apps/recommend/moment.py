"""What is known of all items at a moment; nothing that comes later is in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.cooccurrence import Cooccurrence
from tfapp.apps.recommend.log import Log
from tfapp.apps.recommend.popularity import Popularity
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.shelf import Shelf

__all__ = ["Moment"]

# Rows of a block of cosines.
_BLOCK = 1024
# Cosines to this power: near texts speak much louder than others (as weights of neighbours).
_SHARPNESS = 4


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
        links: Sparse float[I, I], rows that sum up to 1: the items with events whose texts are like an item's.
    """

    time: float
    newest: float
    shelf: Shelf
    popularity: Popularity
    liked: Cooccurrence
    met: Cooccurrence
    links: Any

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
        links = _links(shelf.vectors, np.flatnonzero(popularity.events > 0), settings.text_neighbours)
        return cls(time, newest, shelf, popularity, liked, met, links)

    @cached_property
    def there(self) -> NDArray[np.bool_]:
        """The items that are there: published, or with events, which is why they must have been; bool[I]."""
        return (self.shelf.published <= self.time) | (self.popularity.events > 0)

    @cached_property
    def new(self) -> NDArray[np.bool_]:
        """The items that are there, and of which nothing is known but the text; bool[I]."""
        return self.there & (self.popularity.events == 0)


def _links(vectors: NDArray[np.float32], known: NDArray[np.intp], most: int) -> Any:
    """For each item the known ones with the nearest texts, in proportion to their nearness."""
    from scipy.sparse import csr_array

    count, kept = len(vectors), min(most, max(len(known) - 1, 0))
    if not kept:
        return csr_array((count, count))
    rows, columns, values = [], [], []
    for start in range(0, count, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, count))
        cosines = vectors[block] @ vectors[known].T
        cosines[block[:, None] == known[None, :]] = -np.inf
        best = np.argpartition(-cosines, kept - 1, axis=1)[:, :kept]
        near = np.maximum(np.take_along_axis(cosines, best, axis=1), 0.0).astype(np.float64) ** _SHARPNESS
        total = near.sum(axis=1, keepdims=True)
        rows.append(np.repeat(block, kept))
        columns.append(known[best].ravel())
        values.append((near / np.where(total, total, 1)).ravel())
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(cells, shape=(count, count))
