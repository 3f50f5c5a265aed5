"""The AUC against scikit-learn, its interval and shares; the rows of a query."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.evaluation.scored_rows import graded_rows
from tfapp.tasks.ranking.auc import auc, auc_interval, auc_shares, by_query


@given(st.integers(2, 30).flatmap(graded_rows))
def test_auc_is_sklearns_with_its_ties(rows: tuple[np.ndarray, np.ndarray]) -> None:
    grades, scores = rows
    grades[0], grades[1] = 0.0, 1.0
    assert auc(grades > 0, scores) == pytest.approx(roc_auc_score(grades > 0, scores))


def test_auc_of_one_kind_says_nothing() -> None:
    assert auc(np.array([True, True]), np.array([0.1, 0.9])) == 0.5
    assert auc(np.array([], bool), np.array([])) == 0.5


def test_the_interval_of_auc_draws_whole_queries() -> None:
    random = np.random.default_rng(0)
    relevant, noise = random.random(200) < 0.5, random.normal(size=200)
    scores = relevant + noise
    row_interval = auc_interval(relevant, scores, np.arange(200))
    low, high = row_interval
    assert low < auc(relevant, scores) < high
    # Ten copies of each pair say no more than one of it, where they are of one query.
    copies = [np.repeat(column, 10) for column in (relevant, scores, np.arange(200))]
    assert np.ptp(auc_interval(*copies)) == pytest.approx(high - low, rel=0.2)
    copy_interval = auc_interval(copies[0], copies[1], np.arange(2000))
    assert np.ptp(copy_interval) < 0.5 * (high - low)


def test_the_shares_in_an_auc_have_its_error() -> None:
    random = np.random.default_rng(2)
    relevant = np.arange(300) % 4 == 0
    spread = []
    for _ in range(300):
        scores = relevant + random.normal(size=300)
        spread.append(auc_shares(relevant, scores).mean())
    shares = auc_shares(relevant, relevant + random.normal(size=300))
    assert shares.std(ddof=1) / 300**0.5 == pytest.approx(np.std(spread), rel=0.2)
    assert auc_shares(np.ones(3, bool), np.arange(3.0)).tolist() == [0.5] * 3


def test_rows_are_put_together_by_query() -> None:
    assert [part.tolist() for part in by_query(np.array([2, 0, 2, 1, 0]))] == [[1, 4], [3], [0, 2]]
    assert list(by_query(np.array([], int))) == []
