"""Suggestions and their reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import CandidateSource
from tfapp.apps.recommend.item_matrix import Item, ItemMatrix
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile

__all__ = ["Reason", "Suggestion", "Suggestions", "Tie", "reasons_for"]

Tie = Literal["text", "together"]
"""The tie between two items: they read alike, or the same users liked both."""
# Below these cosines two items have too little to do with each other to say so.
_LEAST: Final = {"text": 0.3, "together": 0.2}
# Users who liked both, at least.
_SHARED: Final = 3


@dataclass(frozen=True)
class Reason:
    """A reason for a suggestion.

    Attributes:
        item: The key of an item of the user's past; None: what the user says to look for.
        title: Its title, or that text.
        kind: `text`: it reads alike; `together`: the same users liked both.
        similarity: A cosine: of the texts' vectors, or of the users who liked them.
    """

    item: str | None
    title: str
    kind: Tie
    similarity: float


@dataclass(frozen=True)
class Suggestion:
    """An item of a list, with its score and reasons.

    Attributes:
        item: The item.
        score: The higher the better within one list: log odds of a liking, once the ranking is trained.
        ways: How it was found: `text`, `together`, `popular`, `new`.
        reasons: What led to it, strongest first; empty where only its popularity or its newness did.
    """

    item: Item
    score: float
    ways: tuple[CandidateSource, ...]
    reasons: tuple[Reason, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        return {
            "item": self.item.key,
            "title": self.item.title,
            "tags": list(self.item.tags),
            "published": self.item.published.isoformat() if self.item.published else None,
            "score": self.score,
            "ways": list(self.ways),
            "reasons": [asdict(reason) for reason in self.reasons],
        }


@dataclass(frozen=True)
class Suggestions:
    """A list of suggestions.

    Attributes:
        asked_for: The user, or the item that others are like.
        events: Items of the user's past that it is made of; 0: nothing is known of the user.
        trained: Whether the final ranking was learnt; else what was found is put together by its ranks.
        suggestions: The list, best first.
        degraded: The model that the list had to do without, and why; empty: none.
    """

    asked_for: str
    events: int
    trained: bool
    suggestions: tuple[Suggestion, ...]
    degraded: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        values = {
            "asked_for": self.asked_for,
            "events": self.events,
            "trained": self.trained,
            "degraded": self.degraded,
        }
        return {**values, "suggestions": [suggestion.to_dict() for suggestion in self.suggestions]}


def reasons_for(snapshot: Snapshot, profile: UserProfile, row: int, *, request: str, limit: int) -> tuple[Reason, ...]:
    """Returns the reasons for an item: liked items with similar texts, and those that the same users liked."""
    item_matrix = snapshot.item_matrix
    likes = profile.history.items[profile.history.strengths > 0]
    reasons = [
        *_ties(item_matrix, likes, item_matrix.vectors[likes] @ item_matrix.vectors[row], "text"),
        *_ties(item_matrix, likes, _cooccurrence(snapshot, likes, row), "together"),
    ]
    if profile.request is not None:
        reasons.append(Reason(None, request, "text", float(profile.request @ item_matrix.vectors[row])))
    # Each item once, by the stronger of its two ties.
    best: dict[str | None, Reason] = {}
    for reason in sorted(reasons, key=_weight, reverse=True):
        if _weight(reason) >= 1:
            best.setdefault(reason.item, reason)
    return tuple(best.values())[:limit]


def _ties(item_matrix: ItemMatrix, likes: NDArray[np.intp], cosines: NDArray[Any], kind: Tie) -> list[Reason]:
    pairs = zip(likes.tolist(), cosines.tolist(), strict=True)
    return [Reason(item_matrix.items[item].key, item_matrix.items[item].title, kind, cosine) for item, cosine in pairs]


def _cooccurrence(snapshot: Snapshot, items: NDArray[np.intp], row: int) -> NDArray[np.float64]:
    """Returns the cosines of items by the users who liked both; 0 where these are too few to tell from chance."""
    cosines = snapshot.like_cooccurrence.rows(items, np.array([row]))[:, 0]
    likes = snapshot.popularity.likes
    return np.where(cosines * np.sqrt(likes[items] * likes[row]) >= _SHARED - 0.5, cosines, 0.0)


def _weight(reason: Reason) -> float:
    """Returns how strong a reason is, on one scale; from 1 on it is worth showing."""
    return reason.similarity / _LEAST[reason.kind]
