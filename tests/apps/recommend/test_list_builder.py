from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.recommend.list_builder import diversify


def by_definition(scores: np.ndarray, vectors: np.ndarray, diversity: float, limit: int) -> list[int]:
    """Diversifies by Carbonell and Goldstein's formula, item by item."""
    span = (scores.max() - scores.min()) or 1.0
    relevance = (scores - scores.min()) / span
    order: list[int] = []
    while len(order) < min(limit, len(scores)):
        candidates = [row for row in range(len(scores)) if row not in order]
        worth = {
            row: (1 - diversity) * relevance[row]
            - diversity * max([0.0, *(float(vectors[row] @ vectors[other]) for other in order)])
            for row in candidates
        }
        best = max(worth.values())
        order.append(min((row for row in candidates if worth[row] > best - 1e-9), key=lambda row: -scores[row]))
    return order


@given(st.integers(1, 12), st.integers(1, 8), st.floats(0, 1), st.integers(0, 10_000))
def test_items_are_chosen_as_the_formula_says(count: int, limit: int, diversity: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = random.normal(size=count)
    order = diversify(scores, vectors, diversity=diversity, limit=limit)
    assert order.tolist() == by_definition(scores, vectors, diversity, limit)


def test_without_diversity_the_order_is_that_of_the_scores() -> None:
    vectors = np.ones((3, 1), np.float32)
    assert diversify(np.array([1.0, 3.0, 2.0]), vectors, diversity=0, limit=5).tolist() == [1, 2, 0]
