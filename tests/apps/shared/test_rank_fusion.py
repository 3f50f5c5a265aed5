from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.shared.rank_fusion import fuse

RANKINGS = st.lists(st.lists(st.integers(0, 20), unique=True), max_size=4)


def test_it_is_the_papers_sum() -> None:
    scores = dict(fuse([["a", "b"], ["b", "c"]]))
    assert scores == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 1 / 61, "c": 1 / 62})
    assert fuse([["a"], ["b"]], constant=0, weights=[1, 3]) == [("b", 3.0), ("a", 1.0)]


@given(RANKINGS, st.integers(0, 100))
def test_every_item_comes_out_once_and_best_first(rankings: list[list[int]], constant: int) -> None:
    ranking = fuse(rankings, constant=constant)
    items = [item for item, _ in ranking]
    assert sorted(items) == sorted({item for ranking in rankings for item in ranking})
    assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)


@given(st.lists(st.integers(), unique=True), st.integers(1, 4))
def test_rankings_that_agree_keep_their_order(ranking: list[int], times: int) -> None:
    assert [item for item, _ in fuse([ranking] * times)] == ranking


@given(RANKINGS.filter(len), st.randoms(use_true_random=False))
def test_the_order_of_the_rankings_does_not_count(rankings: list[list[int]], random: object) -> None:
    copies = list(rankings)
    random.shuffle(copies)  # type: ignore[attr-defined]
    assert dict(fuse(rankings)) == pytest.approx(dict(fuse(copies)))


@given(RANKINGS.filter(len), st.integers(0, 100))
def test_an_item_that_is_better_everywhere_is_better(rankings: list[list[int]], constant: int) -> None:
    best = -1
    better_ranking = fuse([[best, *ranking] for ranking in rankings], constant=constant)
    assert better_ranking[0][0] == best
