"""Scores the numbers of a regression, with bootstrap intervals.

A correlation or an R² of numbers that are all the same is 0, where it is undefined, and nothing warns.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.core.array_types import Floats
from tfapp.evaluation.metrics import Measure, percentiles

__all__ = ["NAMES", "measure_numbers", "scores"]

NAMES: Final = ("RMSE", "MAE", "R²", "Pearson", "Spearman")
"""The measures, in the order of `scores`; the first one is what models are compared by."""

_RESAMPLES: Final = 1000
# Draws times rows that the intervals may cost.
_MOST_WORK: Final = 10**7


def scores(truth: Floats, predictions: Floats) -> Floats:
    """Returns the value of each of `NAMES`.

    Args:
        truth: float[N], N at least 1.
        predictions: float[N].
    """
    from scipy.stats import rankdata

    errors = predictions - truth
    mean_square = float(np.mean(errors**2))
    r_squared = 1.0 - mean_square / float(np.var(truth)) if np.ptp(truth) else 0.0
    ranks = rankdata(truth), rankdata(predictions)
    return np.array(
        [mean_square**0.5, np.mean(np.abs(errors)), r_squared, _correlation(truth, predictions), _correlation(*ranks)]
    )


def measure_numbers(truth: Floats, predictions: Floats, groups: NDArray[Any]) -> tuple[Measure, ...]:
    """Measures predictions, with percentile bootstrap intervals (Efron 1979).

    Whole groups are drawn, since the rows of a query are no independent draws.

    Args:
        truth: float[N].
        predictions: float[N].
        groups: int[N], 0..G-1, the group of each row.

    Returns:
        The measures, in the order of `NAMES`; none where N is 0.
    """
    if not len(truth):
        return ()
    random = np.random.default_rng(0)
    size, numbers = int(groups.max()) + 1, np.arange(len(truth))
    draws = []
    for _ in range(int(np.clip(_MOST_WORK // len(truth), 100, _RESAMPLES))):
        times = np.bincount(random.integers(0, size, size), minlength=size)
        rows = np.repeat(numbers, times[groups])
        draws.append(scores(truth[rows], predictions[rows]))
    values, table = scores(truth, predictions).tolist(), np.array(draws)
    return tuple(
        Measure(name, value, percentiles(table[:, column]))
        for column, (name, value) in enumerate(zip(NAMES, values, strict=True))
    )


def _correlation(first: Floats, second: Floats) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
