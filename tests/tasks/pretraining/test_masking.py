"""Blocks of texts, and which of their tokens are hidden."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tfapp.tasks.pretraining.masking import Masker, make_blocks, to_dense

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "sing", "##er", "##s", "walk", "##ing", "home", "the", "a"]
CLS, SEP, MASK = 2, 3, 4
SPECIAL = 5
texts = st.lists(st.lists(st.integers(SPECIAL, len(VOCABULARY) - 1), max_size=12), min_size=1, max_size=8)
blocks = st.lists(st.lists(st.integers(0, len(VOCABULARY) - 1), min_size=1, max_size=20), min_size=1, max_size=6)


def flat(rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([token for row in rows for token in row], np.int32), np.cumsum([0, *map(len, rows)])


def rows(ids: np.ndarray, splits: np.ndarray) -> list[list[int]]:
    return [ids[start:end].tolist() for start, end in pairwise(splits)]


def cut(given_texts: list[list[int]], *, pack: bool, max_length: int = 8) -> list[list[int]]:
    return rows(*make_blocks(*flat(given_texts), max_length=max_length, cls=CLS, sep=SEP, pack=pack))


@given(texts, st.booleans(), st.integers(4, 16))
def test_blocks_hold_all_pieces_in_their_order_and_fit(given_texts: list[list[int]], pack: bool, limit: int) -> None:
    blocks = cut(given_texts, pack=pack, max_length=limit)
    assert all(block[0] == CLS and block[-1] == SEP and 3 <= len(block) <= limit for block in blocks)
    inner = [token for block in blocks for token in block[1:-1] if token != SEP]
    assert inner == [token for text in given_texts for token in text]


def test_packed_texts_fill_blocks() -> None:
    blocks = cut([[5, 6], [], [7, 8, 9], [10, 11]], pack=True)
    assert blocks == [[CLS, 5, 6, SEP, 7, 8, 9, SEP], [CLS, SEP, 10, 11, SEP]]


def test_a_long_text_for_itself_becomes_about_equal_blocks() -> None:
    blocks = cut([[5] * 7, [6]], pack=False)
    assert blocks == [[CLS, 5, 5, 5, 5, SEP], [CLS, 5, 5, 5, SEP], [CLS, 6, SEP]]


def test_nothing_makes_no_block() -> None:
    for pack in (True, False):
        assert cut([[], []], pack=pack) == []


@given(texts)
def test_dense_rows_are_the_ragged_ones(given_texts: list[list[int]]) -> None:
    dense = to_dense(*flat(given_texts), -1)
    assert [[token for token in row if token >= 0] for row in dense.tolist()] == given_texts


@given(blocks, st.booleans(), st.integers(0, 2**32 - 1))
@example([[5, 8], [6]], True, 1)
def test_what_is_hidden_can_be_found_again_and_is_no_special_token(
    given_blocks: list[list[int]], whole_words: bool, seed: int
) -> None:
    ids, splits = flat(given_blocks)
    masker = Masker(VOCABULARY, share=0.15, whole_words=whole_words)
    inputs, targets = masker.hide(ids, splits, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.where(targets < 0, inputs, targets), ids)
    assert not np.isin(targets, range(SPECIAL)).any()
    assert not np.isin(inputs[targets >= 0], [0, 1, 2, 3]).any()
    for block, block_targets in zip(given_blocks, rows(targets, splits), strict=True):
        assert any(token >= 0 for token in block_targets) == any(token >= SPECIAL for token in block)


@given(blocks, st.integers(0, 2**32 - 1))
def test_whole_words_are_hidden_or_none_of_their_pieces(given_blocks: list[list[int]], seed: int) -> None:
    ids, splits = flat(given_blocks)
    _, targets = Masker(VOCABULARY, share=0.3, whole_words=True).hide(ids, splits, np.random.default_rng(seed))
    for block, block_targets in zip(given_blocks, rows(targets, splits), strict=True):
        for place, (previous, token) in enumerate(pairwise(block), start=1):
            if VOCABULARY[token].startswith("##") and previous >= SPECIAL:
                assert (block_targets[place] >= 0) == (block_targets[place - 1] >= 0)


def test_the_shares_are_those_of_the_paper() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(40, 120, 400)
    given_blocks = [[CLS, *random.integers(SPECIAL, len(VOCABULARY), length).tolist(), SEP] for length in lengths]
    for whole_words in (True, False):
        ids, splits = flat(given_blocks)
        masker = Masker(VOCABULARY, share=0.15, whole_words=whole_words)
        inputs, targets = masker.hide(ids, splits, np.random.default_rng(2))
        is_hidden = targets >= 0
        assert abs(is_hidden.sum() / lengths.sum() - 0.15) < 0.005
        assert abs((inputs[is_hidden] == MASK).mean() - 0.8) < 0.02
        # One in eight of the random tokens is the token itself.
        assert abs((inputs[is_hidden] == ids[is_hidden]).mean() - 0.1 - 0.1 / 8) < 0.02


def test_draws_repeat_by_their_seed_alone() -> None:
    ids, splits = flat([[CLS, *range(SPECIAL, 13), SEP]] * 20)
    masker = Masker(VOCABULARY, share=0.15, whole_words=True)
    targets, repeat, other_targets = (masker.hide(ids, splits, np.random.default_rng(seed))[1] for seed in (7, 7, 8))
    np.testing.assert_array_equal(targets, repeat)
    assert (targets != other_targets).any()
