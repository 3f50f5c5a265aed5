"""Tests how often 1,000 simulated comparisons call equal models different, and find planted differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from tfapp.evaluation.metrics import macro_f1_shares
from tfapp.evaluation.paired_tests import LEVEL, PairedTest, mcnemar, paired_bootstrap
from tfapp.tasks.ranking.auc import auc_shares

DRAWS = 1000
FEWER_DRAWS = 200
# At the level 0.05, 1,000 comparisons of equal models are over it in one of 200 simulations.
MOST_EQUAL = binomtest(50, DRAWS).proportion_ci(0.99).high

PairedDraw = Callable[[np.random.Generator, float], PairedTest]


def accuracies(random: np.random.Generator, gap: float) -> PairedTest:
    """Two classifiers of 400 texts that agree on most of them."""
    hard = random.random(400) < 0.3
    right = [~hard | (random.random(400) < share) for share in (0.6, 0.6 + gap / 0.3)]
    wrong_rows = [set(np.flatnonzero(~flags).tolist()) for flags in right]
    return mcnemar(wrong_rows[0], wrong_rows[1], 400)


def f1_scores(random: np.random.Generator, gap: float) -> PairedTest:
    """Two taggers of 300 texts with a span each in the mean."""
    spans = random.poisson(1.0, 300)

    def terms(share: float) -> NDArray[np.float64]:
        hits, extra = random.binomial(spans, share), random.binomial(2, (1 - share) / 2, 300)
        return np.stack([2.0 * hits, hits + extra + spans], axis=1)

    first, second = terms(0.8), terms(0.8 + gap)
    # They say the same of most texts.
    second = np.where(random.random((300, 1)) < 0.5, second, first) if gap == 0 else second
    return paired_bootstrap(first, second, resamples=199)


def ndcgs(random: np.random.Generator, gap: float) -> PairedTest:
    """Two rankers of 200 queries whose first relevant candidate is at rank 1 to 6."""
    values = 1 / np.log2(1 + np.arange(1, 7))
    first = random.choice(values, 200, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    second = random.choice(
        values, 200, p=[0.5 + 3 * gap, 0.2 - 1.5 * gap, 0.1 - 0.75 * gap, 0.1 - 0.75 * gap, 0.05, 0.05]
    )
    return paired_bootstrap(*(np.stack([scores, np.ones(200)], axis=1) for scores in (first, second)), resamples=199)


def areas(random: np.random.Generator, gap: float) -> PairedTest:
    """Two rankers of 200 pairs, a third of them relevant, by the AUC."""
    relevant = np.arange(200) % 3 == 0
    noise = random.normal(size=200)
    scores = [relevant * (1 + gain) + noise + random.normal(size=200) for gain in (0.0, 10 * gap)]
    return paired_bootstrap(
        *(np.stack([auc_shares(relevant, ranking), np.ones(200)], axis=1) for ranking in scores), resamples=199
    )


def errors(random: np.random.Generator, gap: float) -> PairedTest:
    """Two regressions of 150 numbers, by the RMSE; a planted gap makes the second one's lower."""
    noise = random.normal(size=150)
    squares = [(noise + random.normal(0, sigma, 150)) ** 2 for sigma in (1.0, 1.0 - 5 * gap)]
    terms = (np.stack([square, np.ones(150)], axis=1) for square in squares)
    return paired_bootstrap(*terms, square_root=True, resamples=199)


def macro_f1_scores(random: np.random.Generator, gap: float) -> PairedTest:
    """Two classifiers of 300 texts in 8 classes, some of them rare."""
    truth = random.choice(8, 300, p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05])
    terms = []
    for share in (0.7, 0.7 + 1.8 * gap):
        guesses = np.where(random.random(300) < share, truth, random.integers(0, 8, 300))
        shares = macro_f1_shares(*(classes[:, None] == np.arange(8) for classes in (truth, guesses)))
        terms.append(np.stack([shares, np.ones(300)], axis=1))
    return paired_bootstrap(*terms, resamples=199)


CASES = [accuracies, f1_scores, ndcgs, areas, errors, macro_f1_scores]


@pytest.mark.parametrize("draw", CASES)
def test_equal_models_are_rarely_called_different(draw: PairedDraw) -> None:
    random = np.random.default_rng(7)
    results = [draw(random, 0.0) for _ in range(DRAWS)]
    assert np.mean([result.is_different for result in results]) <= MOST_EQUAL
    # The interval says the same as the p-value.
    assert all((result.interval[0] > 0 or result.interval[1] < 0) == result.is_different for result in results)


@pytest.mark.parametrize("draw", CASES)
def test_planted_differences_are_found(draw: PairedDraw) -> None:
    random = np.random.default_rng(7)
    results = [draw(random, 0.1) for _ in range(FEWER_DRAWS)]
    better = -1 if draw is errors else 1
    assert np.mean([result.is_different and result.difference * better > 0 for result in results]) >= 0.9


def test_the_interval_holds_the_true_difference() -> None:
    random = np.random.default_rng(3)
    values = 1 / np.log2(1 + np.arange(1, 7))
    truth = 0.3 * values[0] - 0.15 * values[1] - 0.075 * (values[2] + values[3])
    intervals = [ndcgs(random, 0.1).interval for _ in range(DRAWS)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 1 - MOST_EQUAL


def test_the_same_answers_are_no_difference() -> None:
    terms = np.random.default_rng(0).random((50, 2))
    for result in (mcnemar({1, 2}, {1, 2}, 9), paired_bootstrap(terms, terms), paired_bootstrap(terms[:0], terms[:0])):
        assert (result.p_value, result.difference, result.interval) == (1.0, 0.0, (0.0, 0.0))


def test_mcnemar_is_the_binomial_test() -> None:
    result = mcnemar(set(range(12)), {0, 1, 20}, 100)
    assert result.p_value == pytest.approx(binomtest(10, 11).pvalue)
    assert result.p_value < LEVEL
    assert result.difference == pytest.approx(0.09)
    shares = binomtest(10, 11).proportion_ci(method="exact")
    assert result.interval == pytest.approx([0.11 * (2 * share - 1) for share in (shares.low, shares.high)])
    # Where all rows are on one side, the difference cannot be larger.
    assert mcnemar({1, 2, 3, 4, 5, 6}, set(), 10).interval[1] == 0.6


def test_the_bootstrap_is_that_of_drawn_rows() -> None:
    """The draws of counts have the spread of rows drawn one by one."""
    random = np.random.default_rng(1)
    first, second = (np.stack([random.random(80) * 2, np.full(80, 2.0)], axis=1) for _ in range(2))
    result = paired_bootstrap(first, second)
    rows = random.integers(0, 80, (4000, 80))
    scores = [terms[rows, 0].sum(axis=1) / terms[rows, 1].sum(axis=1) for terms in (first, second)]
    radius = np.quantile(np.abs(scores[1] - scores[0] - result.difference), 0.95)
    assert result.interval[1] - result.difference == pytest.approx(radius, rel=0.1)
