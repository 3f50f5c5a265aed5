"""The final ranking: what was learnt of how much each feature says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from tfapp.apps.recommend.linear import Linear

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """Weights, by what is known of an item.

    Attributes:
        known: Of items with events.
        new: Of items of which nothing is known but the text; None: there were too few lists to learn it from.
        paired: Of items with events that a pair model has scored, too; its score is the last feature.
    """

    known: Linear
    new: Linear | None = None
    paired: Linear | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        weights = {"known": self.known, "new": self.new, "paired": self.paired}
        return {name: None if one is None else one.to_dict() for name, one in weights.items()}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Self:
        """As `to_dict` gave it."""
        new, paired = (Linear.from_dict(kept[name]) if kept[name] else None for name in ("new", "paired"))
        return cls(Linear.from_dict(kept["known"]), new, paired)
