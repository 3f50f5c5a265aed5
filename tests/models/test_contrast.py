"""The losses by contrast, against their definitions written as loops."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.models.contrast import pair_losses


def unit_vectors(seed: int, *shape: int) -> np.ndarray:
    normals = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def pair_loss(vectors: np.ndarray, codes: list[list[int]], row: int, temperature: float) -> float:
    """Minus the logarithm of the share of the row's own candidate among all texts that do not fit its query."""
    query = codes[row][0]
    fitting = {code[1] for code in codes if code[0] == query}
    own_logit = vectors[row, 0] @ vectors[row, 1] / temperature
    other_logits = [
        vectors[row, 0] @ vectors[at, place] / temperature
        for at, place in product(range(len(codes)), range(1, vectors.shape[1]))
        if codes[at][place] >= 0 and codes[at][place] not in fitting
    ]
    return float(np.logaddexp.reduce([own_logit, *other_logits]) - own_logit)


CODES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(4, 7), st.integers(4, 9) | st.just(-1)).map(list), min_size=1, max_size=7
)


@settings(max_examples=40)
@given(CODES, st.integers(2, 3), st.integers(0, 1000))
def test_a_query_is_told_what_does_not_fit_it(codes: list[list[int]], places: int, seed: int) -> None:
    codes = [row[:places] for row in codes]
    vectors = unit_vectors(seed, len(codes), places, 4)
    losses = pair_losses(vectors, np.array(codes, np.int32), 0.5)
    expected = [pair_loss(vectors, codes, row, 0.5) for row in range(len(codes))]
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)


def test_a_negative_is_one_for_every_query() -> None:
    vectors = unit_vectors(0, 3, 3, 4)
    codes = np.array([[0, 3, 6], [1, 4, 7], [2, 5, 8]], np.int32)
    without, with_negatives = (pair_losses(vectors[:, :n], codes[:, :n], 0.5).numpy() for n in (2, 3))
    assert (with_negatives > without).all()


def test_a_row_of_its_own_learns_nothing_and_is_a_number() -> None:
    vectors = unit_vectors(2, 1, 2, 4)
    np.testing.assert_allclose(pair_losses(vectors, np.array([[0, 1]], np.int32), 0.05), [0.0], atol=1e-6)
