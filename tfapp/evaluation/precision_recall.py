"""The precision-recall curve of a class, as counts at rising thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfapp.core.array_types import Bools, Floats, Ints
from tfapp.evaluation.metrics import divide

__all__ = ["PrecisionRecall", "precision_recall"]

_GRID = np.linspace(0.0, 1.0, 101)
_CURVE_POINTS = 100


@dataclass(frozen=True)
class PrecisionRecall:
    """The precision-recall curve of one class against the rest, as exact counts at rising thresholds.

    Attributes:
        label: The class.
        support: Rows that are of the class.
        average_precision: Area under the curve as a sum of steps, as scikit-learn computes it.
        thresholds: A row is predicted where its probability is at least this.
        true_positives: Predicted and of the class, by threshold.
        false_positives: Predicted and not of the class, by threshold.
    """

    label: str
    support: int
    average_precision: float
    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]

    @property
    def precision(self) -> Floats:
        """Returns precision by threshold; 1 where nothing is predicted, the convention of such curves."""
        hits, misses = np.array(self.true_positives, float), np.array(self.false_positives, float)
        return np.where(hits + misses > 0, divide(hits, hits + misses), 1.0)

    @property
    def recall(self) -> Floats:
        """Returns recall by threshold."""
        hits = np.array(self.true_positives, float)
        return divide(hits, np.full_like(hits, self.support))

    def counts_on_grid(self, size: int = 101) -> tuple[Ints, Ints]:
        """Returns true and false positives at `size` even thresholds of 0..1, exactly if 100 / (size - 1) is whole."""
        indices = np.searchsorted(self.thresholds, np.linspace(0.0, 1.0, size) - 1e-12)
        return np.array(self.true_positives)[indices], np.array(self.false_positives)[indices]


def precision_recall(label: str, truth: Bools, probability: Floats) -> PrecisionRecall:
    """Returns the precision-recall curve of one class, from bool[N] truths and float[N] probabilities.

    Its thresholds are those of an even grid and of at most a hundred steps of recall; what adds nothing is left out.
    """
    order = np.sort(probability)
    positives = np.sort(probability[truth])
    steps = positives[np.linspace(0, len(positives) - 1, _CURVE_POINTS).astype(int)] if len(positives) else positives
    thresholds = np.unique(np.concatenate([_GRID, np.round(steps, 9)]))
    hits = len(positives) - np.searchsorted(positives, thresholds)
    extra = len(order) - np.searchsorted(order, thresholds) - hits
    useful = np.append((np.diff(hits) != 0) | (np.diff(extra) != 0), True)
    columns = (thresholds[useful].tolist(), hits[useful].tolist(), extra[useful].tolist())
    from sklearn.metrics import average_precision_score

    area = float(average_precision_score(truth, probability)) if len(positives) else 0.0
    return PrecisionRecall(label, len(positives), area, *map(tuple, columns))
