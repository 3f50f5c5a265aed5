from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.recommend.cooccurrence import Cooccurrence

EVENTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 7), st.sampled_from([-1.0, 0.0, 0.5, 1.0])), max_size=60)


def plain_cosines(events: list[tuple[int, int, float]], count: int) -> list[list[float]]:
    """The same by the textbook: a dict a column, and no matrix."""
    columns: list[dict[int, float]] = [{} for _ in range(count)]
    for user, item, weight in events:
        if weight > 0:
            columns[item][user] = max(weight, columns[item].get(user, 0.0))

    def cosine(a: dict[int, float], b: dict[int, float]) -> float:
        lengths = math.sqrt(sum(v * v for v in a.values())) * math.sqrt(sum(v * v for v in b.values()))
        return sum(value * b.get(user, 0.0) for user, value in a.items()) / lengths if lengths else 0.0

    return [[0.0 if i == j else cosine(columns[i], columns[j]) for j in range(count)] for i in range(count)]


def fit(events: list[tuple[int, int, float]], count: int, max_neighbours: int) -> Cooccurrence:
    users, items, weights = (
        np.array([row[side] for row in events], kind) for side, kind in enumerate((int, int, float))
    )
    return Cooccurrence.fit(users, items, weights, count=count, max_neighbours=max_neighbours)


@given(EVENTS)
def test_cosines_and_scores_are_those_of_the_textbook(events: list[tuple[int, int, float]]) -> None:
    expected = np.array(plain_cosines(events, 8))
    model = fit(events, 8, 100)
    np.testing.assert_allclose(model.cosines.todense(), expected, atol=1e-12)
    history, weights = np.array([1, 4, 6]), np.array([1.0, 0.5, 2.0])
    np.testing.assert_allclose(model.scores(history, weights), weights @ expected[history], atol=1e-12)
    np.testing.assert_allclose(model.rows(history, np.array([0, 4])), expected[history][:, [0, 4]], atol=1e-12)


@given(EVENTS, st.integers(1, 4))
def test_an_item_keeps_its_nearest(events: list[tuple[int, int, float]], max_neighbours: int) -> None:
    expected = np.array(plain_cosines(events, 8))
    cosines = np.asarray(fit(events, 8, max_neighbours).cosines.todense())
    for neighbours, row in zip(cosines, expected, strict=True):
        assert (neighbours > 0).sum() == min(max_neighbours, (row > 0).sum())
        np.testing.assert_allclose(
            np.sort(neighbours)[::-1][:max_neighbours], np.sort(row)[::-1][:max_neighbours], atol=1e-12
        )
