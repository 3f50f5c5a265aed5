"""Perturbed texts: the same seed makes the same, none is empty, and each kind changes what it says."""

from __future__ import annotations

import unicodedata
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.config import PerturbationKind
from tfapp.data.perturbations import (
    _KEYS,
    _WORD,
    add_typos,
    change_case,
    make_perturbation,
    remove_words,
    replace_by_neighbours,
    to_full_width,
)
from tfapp.data.word_neighbours import WordNeighbours, find_neighbours

KINDS: tuple[PerturbationKind, ...] = get_args(PerturbationKind)
NEIGHBOURS = WordNeighbours({"good": ("fine", "nice"), "monday": ("friday",)})
sentences = st.lists(
    st.one_of(
        st.sampled_from(["good", "Monday", "don't", "GOOD", "B-1207", "42", "Straße", "naïve", "坏了", "!"]),
        st.text(min_size=1, max_size=8),
    ),
    max_size=12,
).map(" ".join)
seeds = st.integers(0, 2**32 - 1)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.sampled_from(KINDS), sentences, seeds, st.floats(0.01, 1))
def test_a_seed_makes_one_text_and_none_is_empty(
    kind: PerturbationKind, text: str, seed: int, word_share: float
) -> None:
    perturb = make_perturbation(kind, word_share=word_share, neighbours=NEIGHBOURS)
    perturbation = perturb(text, rng(seed))
    assert perturb(text, rng(seed)) == perturbation
    assert bool(perturbation.strip()) == bool(text.strip())


@given(sentences, seeds, st.floats(0.01, 1))
def test_typos_are_one_step_from_the_word_and_only_in_words_with_letters(
    text: str, seed: int, word_share: float
) -> None:
    typos = add_typos(text, rng(seed), word_share=word_share)
    assert any(map(str.isalpha, text)) == (typos != text)
    assert [c for c in typos if c.isspace()] == [c for c in text if c.isspace()]
    assert sorted(c for c in typos if not c.isalpha()) == sorted(c for c in text if not c.isalpha())


@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_a_share_of_the_words_is_misspelt_and_one_at_least(share: float) -> None:
    words = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
    misspellings = add_typos(" ".join(words), rng(3), word_share=share).split()
    different = sum(word != misspelling for word, misspelling in zip(words, misspellings, strict=True))
    assert different == max(1, round(share * len(words)))


def test_every_kind_of_typo_is_made() -> None:
    forms = {add_typos("ship", rng(seed)) for seed in range(300)}
    assert {"hsip", "sihp", "shpi", "hip", "sip", "shp", "shi", "sship", "shhip", "shiip", "shipp"} < forms
    keys = forms - {"hsip", "sihp", "shpi", "hip", "sip", "shp", "shi", "sship", "shhip", "shiip", "shipp"}
    assert keys
    for form in keys:
        ((letter, typo),) = [(a, b) for a, b in zip("ship", form, strict=True) if a != b]
        assert typo in _KEYS[letter]
    assert {add_typos("HA", rng(seed))[0] for seed in range(60)} <= set("HAGJYUNB")


def test_neighbouring_keys_touch_each_other() -> None:
    assert set(_KEYS["s"]) == set("adwezx")
    assert set(_KEYS["q"]) == set("wa")
    assert all(key in _KEYS[neighbour] for key, neighbours in _KEYS.items() for neighbour in neighbours)


@given(sentences, seeds)
def test_case_changes_nothing_but_case(text: str, seed: int) -> None:
    variant = change_case(text, rng(seed))
    assert variant in {text.upper(), text.lower(), text.title(), text.swapcase()} | {text}
    assert (variant == text) == (text.upper() == text.lower() == text.title())


@given(sentences)
def test_full_width_forms_read_as_the_text(text: str) -> None:
    full_width = to_full_width(text, rng(0))
    assert len(full_width) == len(text)
    assert not any("!" <= character <= "~" for character in full_width)
    assert unicodedata.normalize("NFKC", full_width) == unicodedata.normalize("NFKC", text)


@given(sentences, seeds, st.floats(0.01, 1))
def test_what_is_left_of_dropped_words_is_in_order(text: str, seed: int, word_share: float) -> None:
    words = _WORD.findall(text)
    remaining_words = _WORD.findall(remove_words(text, rng(seed), word_share=word_share))
    assert len(remaining_words) == (
        len(words) if len(words) < 2 else max(1, len(words) - max(1, round(word_share * len(words))))
    )
    rest = iter(words)
    assert all(word in rest for word in remaining_words)


def test_dropped_words_leave_no_second_space() -> None:
    assert {remove_words("one two, three", rng(seed)) for seed in range(40)} == {
        "two, three",
        "one , three",
        "one two,",
    }


def test_neighbours_take_the_place_and_the_capitals_of_a_word() -> None:
    forms = {replace_by_neighbours("Good GOOD old days", rng(seed), neighbours=NEIGHBOURS) for seed in range(60)}
    assert forms == {f"{word} GOOD old days" for word in ("Fine", "Nice")} | {
        f"Good {word} old days" for word in ("FINE", "NICE")
    }
    assert replace_by_neighbours("nothing known", rng(1), neighbours=NEIGHBOURS) == "nothing known"
    with pytest.raises(ValueError, match="needs words"):
        make_perturbation("neighbours")


def test_words_that_stand_beside_the_same_words_are_neighbours() -> None:
    random = rng(5)
    days, drinks = ["monday", "friday", "sunday"], ["coffee", "tea", "milk"]
    texts = []
    for _ in range(400):
        day, drink = random.choice(days), random.choice(drinks)
        texts += [f"We close on {day} at noon", f"She drinks hot {drink} with sugar"]
    neighbours = find_neighbours(texts)
    for kind in (days, drinks):
        for word in kind:
            assert set(neighbours.of(word)[:2]) == set(kind) - {word}
    assert neighbours.of("unheard") == ()
    assert find_neighbours(texts) == neighbours
    assert find_neighbours(["too few words"]) == WordNeighbours()
