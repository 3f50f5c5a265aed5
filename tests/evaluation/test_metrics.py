"""The scores against scikit-learn and closed forms."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics as oracle

from tests.evaluation.scored_rows import SCORED_ROWS
from tfapp.evaluation import metrics


def test_accuracy_interval_matches_the_normal_approximation_for_many_rows():
    correct = np.arange(10_000) < 9_000

    low, high = metrics.accuracy_interval(correct, seed=3, resamples=4000)

    half = 1.96 * math.sqrt(0.9 * 0.1 / 10_000)
    assert low == pytest.approx(0.9 - half, abs=0.0006)
    assert high == pytest.approx(0.9 + half, abs=0.0006)


def test_accuracy_interval_is_the_bootstrap_of_drawn_rows():
    rng = np.random.default_rng(1)
    correct = rng.random(60) < 0.8
    means = correct[rng.integers(0, 60, (20_000, 60))].mean(axis=1)

    low, high = metrics.accuracy_interval(correct, resamples=20_000)

    # A resampled accuracy is a multiple of 1/60.
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=1.01 / 60)


def test_interval_widens_with_its_level_and_repeats_with_its_seed():
    correct = np.arange(200) % 5 > 0

    narrow = metrics.accuracy_interval(correct, level=0.5)
    wide = metrics.accuracy_interval(correct, level=0.99)

    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]
    assert wide == metrics.accuracy_interval(correct, level=0.99)


def test_intervals_of_nothing_know_nothing():
    assert metrics.accuracy_interval(np.array([], bool)) == (0.0, 1.0)


def test_an_accuracy_without_a_mistake_is_not_known_exactly() -> None:
    exact = binomtest(38, 38).proportion_ci(0.95, method="exact")
    assert metrics.accuracy_interval(np.ones(38, bool)) == pytest.approx((exact.low, 1.0))
    assert metrics.accuracy_interval(np.zeros(38, bool)) == pytest.approx((0.0, 1 - exact.low))
    assert metrics.f1_interval(np.zeros((0, 3), int)) == (0.0, 1.0)


def test_f1_interval_is_the_bootstrap_of_drawn_rows():
    rng = np.random.default_rng(2)
    counts = rng.integers(0, 3, (80, 3))
    sums = counts[rng.integers(0, 80, (5000, 80))].sum(axis=1)
    f1 = 2 * sums[:, 0] / (2 * sums[:, 0] + sums[:, 1] + sums[:, 2])

    interval = metrics.f1_interval(counts, resamples=5000)

    assert interval == pytest.approx(tuple(np.quantile(f1, [0.025, 0.975])), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(SCORED_ROWS)
def test_fitted_threshold_has_the_best_f1_of_all(pair):
    truth, probability = pair
    threshold = metrics.fit_thresholds(truth[:, None], probability[:, None])[0]

    def f1(limit: float) -> float:
        return oracle.f1_score(truth, probability >= limit, zero_division=0)

    assert f1(threshold) >= max(f1(limit) for limit in [*probability.tolist(), 2.0]) - 1e-9


def test_thresholds_prefer_the_middle():
    separable = np.array([0.1, 0.2, 0.8, 0.9])
    scores = np.array([0.2, 0.4, 0.6, 0.8])
    truths = np.array([[0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], bool).T

    thresholds = metrics.fit_thresholds(truths, np.stack([separable, scores, scores], axis=1))

    assert thresholds == pytest.approx([0.5, 0.1, 0.5])


def test_threshold_ties_go_to_the_one_nearest_a_half():
    # Choosing the top one (P 1, R 1/2) and choosing all four (P 1/2, R 1) both give F1 2/3.
    probability = np.array([[0.9], [0.6], [0.55], [0.3]])
    truth = np.array([[True], [False], [False], [True]])

    assert metrics.fit_thresholds(truth, probability)[0] == pytest.approx(0.75)


def test_calibration_by_hand():
    confidence = np.array([0.5, 0.45, 0.95, 1.0, 0.0])
    correct = np.array([True, False, True, True, False])

    bins = metrics.calibration_curve(confidence, correct, bins=10)

    assert bins.counts == (1, 0, 0, 0, 2, 0, 0, 0, 0, 2)
    assert bins.confidence[4] == pytest.approx(0.475)
    assert bins.accuracy[4] == pytest.approx(0.5)
    assert bins.error == pytest.approx((2 * 0.025 + 2 * 0.025 + 0) / 5)


def test_calibration_of_nothing_is_empty():
    assert metrics.calibration_curve(np.array([]), np.array([], bool)) == metrics.CalibrationCurve(
        0.0, (0,) * 15, (0.0,) * 15, (0.0,) * 15
    )


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 6).flatmap(lambda k: st.lists(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)))),
    st.integers(6, 9),
)
def test_confusion_matrix_is_sklearns(pairs, size):
    truth, predictions = np.array(pairs, np.int64).reshape(-1, 2).T
    if not pairs:
        assert metrics.confusion_matrix(truth, predictions, size).sum() == 0
        return

    expected = oracle.confusion_matrix(truth, predictions, labels=range(size))

    np.testing.assert_array_equal(metrics.confusion_matrix(truth, predictions, size), expected)


def test_cross_entropies_are_sklearns():
    rng = np.random.default_rng(5)
    probabilities = rng.dirichlet(np.ones(4), 50)
    targets = rng.integers(0, 4, 50)
    label_sets = rng.random((50, 4)) < 0.3

    assert metrics.cross_entropy(targets, probabilities) == pytest.approx(
        oracle.log_loss(targets, probabilities, labels=range(4))
    )
    by_label = [oracle.log_loss(label_sets[:, k], probabilities[:, k], labels=[False, True]) for k in range(4)]
    assert metrics.binary_cross_entropy(label_sets, probabilities) == pytest.approx(np.mean(by_label))


def test_loss_of_a_wrong_certainty_is_finite():
    assert metrics.cross_entropy(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-math.log(1e-7))
    assert metrics.cross_entropy(np.array([], int), np.zeros((0, 2))) == 0


def test_nothing_warns_where_everything_is_zero():
    zero = np.zeros(3, np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes = metrics.class_scores("abc", zero, zero, zero)
        means = metrics.mean_scores(classes, zero, zero, zero)

    assert {(row.precision, row.recall, row.f1, row.support) for row in (*classes, *means)} == {(0, 0, 0, 0)}
