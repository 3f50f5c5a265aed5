"""Suggestions and their reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from tfapp.apps.recommend.candidates import Way
from tfapp.apps.recommend.item_matrix import Item

__all__ = ["Reason", "Suggestion", "Suggestions", "Tie"]

Tie = Literal["text", "together"]
"""How two items go together: they read alike, or the same users liked both."""


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
    ways: tuple[Way, ...]
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
        trained: Whether the final ranking was learnt; else what was found is put together by its places.
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
        own = {"asked_for": self.asked_for, "events": self.events, "trained": self.trained, "degraded": self.degraded}
        return {**own, "suggestions": [one.to_dict() for one in self.suggestions]}
