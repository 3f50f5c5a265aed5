"""The final ranking: the weights of the features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from tfapp.apps.recommend.logistic_weights import LogisticWeights

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """The weights of the final ranking, with and without a pair model.

    Attributes:
        known: Of items with events.
        paired: Of those that a pair model has scored, too; its score is the last feature. None: there is no such model.
    """

    known: LogisticWeights
    paired: LogisticWeights | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        weights = {"known": self.known, "paired": self.paired}
        return {name: None if one is None else one.to_dict() for name, one in weights.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Makes it from the values that `to_dict` returned."""
        paired = values["paired"]
        return cls(LogisticWeights.from_dict(values["known"]), LogisticWeights.from_dict(paired) if paired else None)
