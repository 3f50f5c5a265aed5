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
        paired: Of those that a pair model has scored, too; its score is the last feature. None: there is no such model.
    """

    known: Linear
    paired: Linear | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        weights = {"known": self.known, "paired": self.paired}
        return {name: None if one is None else one.to_dict() for name, one in weights.items()}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Self:
        """As `to_dict` gave it."""
        paired = kept["paired"]
        return cls(Linear.from_dict(kept["known"]), Linear.from_dict(paired) if paired else None)
