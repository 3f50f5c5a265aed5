"""Paired tests of two models' scores on the same rows, with the interval of the difference."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from tfapp.core.array_types import Floats

__all__ = ["LEVEL", "PairedTest", "mcnemar", "paired_bootstrap"]

LEVEL: Final = 0.05
"""The share of equal models that the tests call different."""

# With these the share of draws that a p-value counts is exact at the level.
_RESAMPLES: Final = 1999
_FEWEST_RESAMPLES: Final = 199
# Draws times different rows that a bootstrap may cost.
_MOST_WORK: Final = 2 * 10**7
_BLOCK: Final = 10**6


@dataclass(frozen=True)
class PairedTest:
    """The result of a paired test.

    Attributes:
        method: The test's name.
        p_value: The probability of a difference at least as large between two models that are equally good.
        difference: The second score minus the first.
        interval: The 95 % interval of the difference; it leaves out 0 where the test calls the models different.
    """

    method: str
    p_value: float
    difference: float
    interval: tuple[float, float]

    @property
    def is_different(self) -> bool:
        """Returns whether the models are called different."""
        return self.p_value < LEVEL


def mcnemar(first_wrong: Set[int], second_wrong: Set[int], count: int) -> PairedTest:
    """Compares two accuracies by the exact test of McNemar.

    The source is McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    1947. Of the b + c rows that one model alone gets right, the number that the first one gets right is
    Binomial(b + c, 0.5) if both are equally good. The interval is that of this binomial share (Clopper and Pearson
    1934), as a difference of accuracies.

    Args:
        first_wrong: The rows that the first model gets wrong.
        second_wrong: Those that the second one gets wrong.
        count: All rows.
    """
    from scipy.special import betaincinv
    from scipy.stats import binomtest

    gains, losses = len(first_wrong - second_wrong), len(second_wrong - first_wrong)
    method, discordant = "exact McNemar test", gains + losses
    if not discordant:
        return PairedTest(method, 1.0, 0.0, (0.0, 0.0))
    low = betaincinv(gains, losses + 1, LEVEL / 2) if gains else 0.0
    high = betaincinv(gains + 1, losses, 1 - LEVEL / 2) if losses else 1.0
    interval = ((2 * float(low) - 1) * discordant / count, (2 * float(high) - 1) * discordant / count)
    return PairedTest(method, float(binomtest(gains, discordant).pvalue), (gains - losses) / count, interval)


def paired_bootstrap(
    first: Floats, second: Floats, *, square_root: bool = False, seed: int = 0, resamples: int = _RESAMPLES
) -> PairedTest:
    """Compares two scores that are quotients of sums over the same rows, by a paired bootstrap.

    Rows are drawn with replacement, the same ones for both models (Efron 1979; Koehn 2004, "Statistical Significance
    Tests for Machine Translation Evaluation"). With d the difference of the scores and d* that of a draw, the p-value
    is the share of draws where abs(d* - d) >= abs(d), and the interval is symmetric, d plus and minus the 95 % quantile
    of abs(d* - d) (Hall 1988, "On symmetric bootstrap confidence intervals"): in simulations it keeps its level where
    few rows differ, which an interval of percentiles does not.

    Args:
        first: float64[N, 2], the terms of the first model, see `RowAnswers`.
        second: Those of the second one.
        square_root: As in `RowAnswers`.
        seed: Of the draws.
        resamples: Draws; fewer where there are many different rows.
    """
    pairs = np.hstack([first, second])
    kinds, times = np.unique(pairs, axis=0, return_counts=True)
    difference = float(_differences(pairs.sum(axis=0)[None], square_root)[0])
    if not len(pairs) or np.array_equal(first, second):
        return PairedTest("paired bootstrap", 1.0, 0.0, (0.0, 0.0))
    draws = int(np.clip(_MOST_WORK // len(kinds), min(_FEWEST_RESAMPLES, resamples), resamples))
    random, size = np.random.default_rng(seed), max(_BLOCK // len(kinds), 1)
    sums = [
        random.multinomial(len(pairs), times / len(pairs), min(size, draws - start)) @ kinds
        for start in range(0, draws, size)
    ]
    distances = np.sort(np.abs(_differences(np.concatenate(sums), square_root) - difference))
    # Equal sums differ in their last bits by the order in which they were added.
    extreme_draws = draws - int(np.searchsorted(distances, abs(difference) * (1 - 1e-9)))
    radius = float(distances[min(int((1 - LEVEL) * (draws + 1)), draws - 1)])
    interval = (difference - radius, difference + radius)
    return PairedTest("paired bootstrap", (1 + extreme_draws) / (draws + 1), difference, interval)


def _differences(sums: Floats, square_root: bool) -> Floats:
    """Returns the second score minus the first, float64[R], by the sums float64[R, 4] of their terms."""
    scores = [
        np.divide(sums[:, column], sums[:, column + 1], out=np.zeros(len(sums)), where=sums[:, column + 1] != 0)
        for column in (0, 2)
    ]
    first, second = (np.sqrt(score) for score in scores) if square_root else scores
    return second - first
