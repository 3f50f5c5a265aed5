"""Word dropout: the share of words that it hides, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.models.word_dropout import drop_words

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sing", "##er", "##s", "walk", "##ing", "home", "the", "a"]
MASK = 4
SPECIAL = 5


@given(st.lists(st.integers(0, 3 * len(VOCABULARY) - 1)), st.integers(0, 99))
def test_dropped_words_are_hidden_and_what_is_joined_to_them_stays(numbers: list[int], seed: int) -> None:
    ids = np.array(numbers, np.int32)
    remaining = drop_words(ids, VOCABULARY, 0.5, np.random.default_rng(seed))
    np.testing.assert_array_equal(remaining // len(VOCABULARY), ids // len(VOCABULARY))
    is_hidden = remaining != ids
    assert set(remaining[is_hidden] % len(VOCABULARY)) <= {MASK}
    assert all(number % len(VOCABULARY) >= SPECIAL for number in ids[is_hidden])


def test_each_word_is_dropped_with_the_share_s_chance() -> None:
    ids = np.full(10_000, SPECIAL, np.int32)
    assert np.mean(drop_words(ids, VOCABULARY, 0.2, np.random.default_rng(0)) == MASK) == pytest.approx(0.2, abs=0.02)
    # A vocabulary without [MASK] hides words as unknown ones.
    assert set(drop_words(ids, [*VOCABULARY[:4], "x", "y"], 0.2, np.random.default_rng(0))) == {1, SPECIAL}
