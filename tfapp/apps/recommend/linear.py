"""The final ranking's weights: a logistic regression over standardised features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Linear"]

# The inverse of the penalty, chosen on the earlier part of MovieLens' time (benchmarks/README.md).
_STRENGTH = 1.0


@dataclass(frozen=True)
class Linear:
    """Weights of features, as plain numbers that any database keeps.

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
        liked: NDArray[np.bool_],
        counts: NDArray[np.float64] | None = None,
    ) -> Self | None:
        """Learns, by scikit-learn's logistic regression; None where there is nothing to learn from.

        Args:
            names: The features.
            values: float[N, F].
            liked: bool[N].
            counts: float[N], what each row counts, 1 in the mean; None: all the same.
        """
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        if len(liked) == 0 or liked.all() or not liked.any():
            return None
        scaler = StandardScaler().fit(values)
        model = LogisticRegression(C=_STRENGTH, max_iter=500).fit(scaler.transform(values), liked, counts)
        means, scales, weights = (tuple(column.tolist()) for column in (scaler.mean_, scaler.scale_, model.coef_[0]))
        return cls(tuple(names), means, scales, weights, float(model.intercept_[0]))

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The log odds that items are liked.

        Args:
            values: float[N, F].

        Returns:
            float[N].
        """
        standard = (values - np.array(self.means)) / np.array(self.scales)
        return np.asarray(standard @ np.array(self.weights) + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Self:
        """As `to_dict` gave it."""
        names, means, scales, weights = (tuple(kept[name]) for name in ("names", "means", "scales", "weights"))
        return cls(names, means, scales, weights, kept["intercept"])
