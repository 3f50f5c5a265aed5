"""The curve against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from sklearn import metrics as oracle

from tests.evaluation.scored_rows import SCORED_ROWS
from tfapp.evaluation.precision_recall import precision_recall


@settings(max_examples=40, deadline=None)
@given(SCORED_ROWS)
def test_precision_recall_curve_agrees_with_sklearn(pair):
    truth, probability = pair
    probability = probability.astype(float)

    curve = precision_recall("a", truth, probability)

    for threshold, precision, recall in zip(curve.thresholds, curve.precision, curve.recall, strict=True):
        choices = probability >= threshold
        assert recall == pytest.approx(oracle.recall_score(truth, choices, zero_division=0))
        assert precision == pytest.approx(oracle.precision_score(truth, choices, zero_division=1))
    if truth.any():
        assert curve.average_precision == pytest.approx(oracle.average_precision_score(truth, probability))
    else:
        assert curve.average_precision == 0


@settings(max_examples=40, deadline=None)
@given(SCORED_ROWS)
def test_counts_on_the_grid_are_exact(pair):
    truth, probability = pair
    probability = probability.astype(float)

    hits, extra = precision_recall("a", truth, probability).counts_on_grid(101)

    choices = probability[:, None] >= np.linspace(0, 1, 101)
    np.testing.assert_array_equal(hits, (choices & truth[:, None]).sum(axis=0))
    np.testing.assert_array_equal(extra, (choices & ~truth[:, None]).sum(axis=0))


def test_curve_of_many_rows_stays_small_and_resolves_confident_models():
    rng = np.random.default_rng(0)
    probability = 1 - rng.random(5000) * 1e-4

    curve = precision_recall("a", rng.random(5000) < 0.5, probability)

    assert 90 < len(curve.thresholds) <= 201
    assert len(np.unique(curve.recall)) > 90
