"""Ranks, with their ties, and the interval of a mean over queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluation.scored_rows import graded_rows
from tfapp.evaluation.ranking_metrics import mean_interval, relevant_ranks


@given(st.integers(1, 12).flatmap(graded_rows))
def test_places_are_those_of_the_worst_order_of_equals(rows: tuple[np.ndarray, np.ndarray]) -> None:
    relevant, scores = rows[0] > 0, rows[1]
    order = sorted(range(len(scores)), key=lambda at: (-scores[at], relevant[at]))
    expected = [place for place, at in enumerate(order, start=1) if relevant[at]]
    assert relevant_ranks(relevant, scores).tolist() == expected


def test_intervals_hold_the_mean_and_shrink_with_more_queries() -> None:
    random = np.random.default_rng(0)
    widths = []
    for queries in (20, 500):
        values = random.random(queries)
        low, high = mean_interval(values)
        assert low < values.mean() < high
        # Of uniform numbers: 1.96 standard deviations of the mean to each side.
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12 / queries), rel=0.3)
        widths.append(high - low)
    assert widths[0] > 3 * widths[1]
