"""Popularity of items, of all time and of late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.event_log import EventLog

__all__ = ["Popularity"]

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
            now: The moment, in seconds since 1970.
            days: D half-lives.
        """
        liked = (log.strengths > 0).astype(np.float64)
        events, likes = (_sums(log.items, weights, count) for weights in (np.ones(len(log)), liked))
        mean = liked.mean() if len(log) else 0.0
        ages = (now - log.times) / _DAY
        lately = [_sums(log.items, liked * 0.5 ** (ages / half), count) for half in days]
        return cls(events, likes, (likes + _PRIOR * mean) / (events + _PRIOR), np.stack(lately))

    @property
    def current(self) -> NDArray[np.float64]:
        """Returns likes of late, by the middle one of the half-lives."""
        return self.lately[len(self.lately) // 2]


def _sums(items: NDArray[np.intp], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.bincount(items, weights, minlength=count).astype(np.float64)
