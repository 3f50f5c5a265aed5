"""The final ranking: logistic regressions over standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogisticWeights", "Ranking"]

# The inverse of the penalty, chosen on the earlier part of MovieLens' time (benchmarks/README.md).
_STRENGTH = 1.0


@dataclass(frozen=True)
class LogisticWeights:
    """Weights of a logistic regression, as plain numbers that any database stores.

    Attributes:
        names: The features.
        means: float[F].
        scales: float[F].
        weights: float[F], of the standardised features.
        intercept: The log odds where all features have their mean.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        values: NDArray[np.float64],
        labels: NDArray[np.bool_],
        counts: NDArray[np.float64] | None = None,
    ) -> Self | None:
        """Fits the weights by scikit-learn's logistic regression; None where there is nothing to learn from.

        Args:
            names: The features.
            values: float[N, F].
            labels: bool[N].
            counts: float[N], what each row counts, 1 in the mean; None: all the same.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        if len(labels) == 0 or labels.all() or not labels.any():
            return None
        scaler = StandardScaler().fit(values)
        model = LogisticRegression(C=_STRENGTH, max_iter=500).fit(scaler.transform(values), labels, counts)
        means, scales, weights = (tuple(column.tolist()) for column in (scaler.mean_, scaler.scale_, model.coef_[0]))
        return cls(tuple(names), means, scales, weights, float(model.intercept_[0]))

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the log odds that items are liked.

        Args:
            values: float[N, F].

        Returns:
            float[N].
        """
        standard = (values - np.array(self.means)) / np.array(self.scales)
        return np.asarray(standard @ np.array(self.weights) + self.intercept)


@dataclass(frozen=True)
class Ranking:
    """The weights of the final ranking, with and without a pair model.

    Attributes:
        known: Of items with events.
        paired: Of those that a pair model has scored, too; its score is the last feature. None: there is no such model.
    """

    known: LogisticWeights
    paired: LogisticWeights | None = None
