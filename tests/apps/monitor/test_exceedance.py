from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from tfapp.apps.monitor.share_change_detector import exceedance


def test_without_extra_variation_it_is_the_beta_binomial_tail_of_jeffreys_prior() -> None:
    history = [(10, 2)] * 8
    result = exceedance([(12, 7)], history)
    assert result.p_value == pytest.approx(betabinom.sf(6, 12, 16.5, 64.5), rel=1e-9)
    assert result.expected == pytest.approx(16.5 / 81)


def test_several_windows_are_judged_as_one() -> None:
    history = [(10, 2)] * 8
    assert exceedance([(5, 3), (7, 4)], history).p_value == pytest.approx(exceedance([(12, 7)], history).p_value)


@pytest.mark.parametrize(("texts", "negatives"), [(1, 1), (2, 2), (3, 3)])
def test_few_texts_are_no_surprise(texts: int, negatives: int) -> None:
    assert exceedance([(texts, negatives)], [(20, 6)] * 20).p_value > 0.01


def test_shares_that_vary_make_the_same_count_less_surprising() -> None:
    calm, wild = [(20, 6)] * 20, [(20, 2), (20, 10)] * 10
    assert exceedance([(20, 13)], wild).p_value > 30 * exceedance([(20, 13)], calm).p_value


def test_under_extra_variation_p_values_are_about_what_they_say() -> None:
    """Simulated streams of beta-binomial windows: at most a little more than 1 % of the windows are under 0.01."""
    random = np.random.default_rng(5)
    shares = random.beta(0.3 * 19, 0.7 * 19, size=(400, 41))
    texts = random.poisson(25, size=shares.shape) + 1
    negatives = random.binomial(texts, shares)
    p_values = [
        exceedance([(n[-1], k[-1])], list(zip(n[:-1], k[:-1], strict=True))).p_value
        for n, k in zip(texts, negatives, strict=True)
    ]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.045)
    assert np.mean(np.array(p_values) < 0.01) < 0.03


counts = st.tuples(st.integers(1, 50), st.floats(0, 1)).map(lambda pair: (pair[0], round(pair[0] * pair[1])))


@settings(max_examples=40)
@given(st.lists(counts, min_size=1, max_size=4), st.lists(counts, min_size=1, max_size=20))
def test_it_is_a_probability_and_falls_with_each_negative(
    recent: list[tuple[int, int]], history: list[tuple[int, int]]
) -> None:
    result = exceedance(recent, history)
    assert 0 <= result.p_value <= 1
    assert 0 < result.expected < 1
    texts, negatives = recent[0]
    if negatives < texts:
        assert exceedance([(texts, negatives + 1), *recent[1:]], history).p_value <= result.p_value
