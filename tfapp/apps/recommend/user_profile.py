"""The history of one user up to a time, and the profile made of it, as a vector among those of the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix

__all__ = ["UserHistory", "UserProfile"]


@dataclass(frozen=True)
class UserHistory:
    """A user's history: each item once, in the order of their last events.

    Attributes:
        seen: int[M], rows of all items that the user had to do with.
        items: int[N], the newest of them, the newest last.
        strengths: float[N]; where an item was rated, by the last rating, else by the strongest event.
        half_life: Items after which an item of the past counts half.
    """

    seen: NDArray[np.intp]
    items: NDArray[np.intp]
    strengths: NDArray[np.float64]
    half_life: float

    @classmethod
    def of(cls, events: EventLog, *, max_items: int, half_life: float) -> Self:
        """Makes the history from one user's events, of which the newest `max_items` items count."""
        last_events: dict[int, tuple[float, bool]] = {}
        columns = (events.items.tolist(), events.strengths.tolist(), events.rated.tolist())
        for item, strength, is_rating in zip(*columns, strict=True):
            before = last_events.pop(item, (strength, False))
            event = (
                before
                if before[1] and not is_rating
                else (strength if is_rating else max(strength, before[0]), is_rating)
            )
            last_events[item] = event
        all_items = np.array(list(last_events), np.intp)
        strengths = np.array([strength for strength, _ in last_events.values()], np.float64)
        return cls(all_items, all_items[-max_items:], strengths[-max_items:], half_life)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def likes(self) -> NDArray[np.float64]:
        """Returns how much each item was liked; 0 where it was not."""
        return np.maximum(self.strengths, 0.0)

    @property
    def recent_likes(self) -> NDArray[np.float64]:
        """Returns the likes, halved with every `half_life` items that came after."""
        return self.likes * 0.5 ** (np.arange(len(self))[::-1] / self.half_life)

    def liked_items(self, limit: int) -> NDArray[np.intp]:
        """Returns the items that were liked last, newest first."""
        return self.items[self.strengths > 0][::-1][:limit]


@dataclass(frozen=True)
class UserProfile:
    """A user's interest at a time.

    Attributes:
        history: What the user did.
        request: float32[width], of length 1: what the user says to look for; None: nothing was said.
        whole: float32[width], of length 1 or 0: liked items less those disliked, and the request.
        recent: float32[width], of length 1 or 0: the same, newer items counting more.
    """

    history: UserHistory
    request: NDArray[np.float32] | None
    whole: NDArray[np.float32]
    recent: NDArray[np.float32]

    @classmethod
    def of(cls, history: UserHistory, item_matrix: ItemMatrix, request: NDArray[np.float32] | None = None) -> Self:
        """Makes the profile from a history, a text's vector, or both."""
        vectors = item_matrix.vectors[history.items]
        weights = history.strengths * 0.5 ** (np.arange(len(history))[::-1] / history.half_life)
        whole, recent = _unit(history.strengths @ vectors), _unit(weights @ vectors)
        if request is not None:
            # It counts as much as all of the history.
            whole, recent = _unit(whole + request), _unit(recent + request)
        return cls(history, request, whole, recent)


def _unit(vector: NDArray[Any]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    return (vector / length if length > 1e-9 else vector * 0).astype(np.float32)
