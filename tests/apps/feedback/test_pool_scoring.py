from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from tfapp.apps.feedback.pool_scoring import entropy, margin

SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=20).filter(lambda values: sum(values) > 1e-3)


@given(SHARES)
def test_entropy_is_that_of_scipy_as_a_share_of_the_largest(values: list[float]) -> None:
    total = sum(values)
    probabilities = [value / total for value in values]
    assert entropy(probabilities) == pytest.approx(scipy_entropy(probabilities, base=len(values)), abs=1e-9)


@given(SHARES, st.booleans())
def test_both_go_from_sure_to_most_uncertain(values: list[float], several: bool) -> None:
    probabilities = values if several else [value / sum(values) for value in values]
    assert 0 <= margin(probabilities, multi_label=several) <= 1
    assert -1e-9 <= entropy(probabilities, multi_label=several) <= 1 + 1e-9


def test_the_margin_looks_at_the_two_likeliest() -> None:
    assert margin([0.6, 0.1, 0.3]) == pytest.approx(0.7)
    assert margin([0.5, 0.5, 0.0]) > margin([0.5, 0.3, 0.2]) > margin([0.9, 0.05, 0.05])


def test_of_several_labels_each_may_be_unsure() -> None:
    sure, unsure = [0.99, 0.98, 0.01], [0.99, 0.55, 0.01]
    assert margin(unsure, multi_label=True) > margin(sure, multi_label=True)
    assert entropy(unsure, multi_label=True) > entropy(sure, multi_label=True)
    assert entropy([0.5, 0.5], multi_label=True) == pytest.approx(1)
