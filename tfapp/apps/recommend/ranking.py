"""The final ranking: the weights of the features."""

from __future__ import annotations

from dataclasses import dataclass

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
