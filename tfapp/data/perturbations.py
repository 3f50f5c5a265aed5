"""Perturbs texts as keyboards, habits and programs do: typos, case, full-width forms, missing words, similar words.

A perturbation changes how a text is written, so that most readers still understand it. It is given the random numbers:
the same seed gives the same text. It leaves a word at least, and a text that it cannot change as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from tfapp.config import PerturbationKind
from tfapp.data.word_neighbours import WordNeighbours

__all__ = [
    "WORD_SHARE",
    "Perturbation",
    "add_typos",
    "change_case",
    "make_perturbation",
    "remove_words",
    "replace_by_neighbours",
    "to_full_width",
]

WORD_SHARE: Final = 0.1
"""The share of a text's words that typos, missing and similar words concern."""

Perturbation: TypeAlias = Callable[[str, np.random.Generator], str]
"""Returns a text with changes that the random numbers choose."""

# Kana and Chinese characters, which no spaces separate, are words for themselves.
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['\u2019][^\W{_UNSPACED}]+)*")
_KEY_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# The printable characters of ASCII, and their forms in East Asian type; the space's is the ideographic space.
_FULL_WIDTH: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}


def make_perturbation(
    kind: PerturbationKind, *, word_share: float = WORD_SHARE, neighbours: WordNeighbours | None = None
) -> Perturbation:
    """Returns the perturbation of a kind.

    Args:
        kind: As the setting `training.augment.kinds` names it.
        word_share: The share of words that it changes, where it changes single words.
        neighbours: For "neighbours", the words to choose from.

    Raises:
        ValueError: The kind is "neighbours", and there are none.
    """
    match kind:
        case "typos":
            return partial(add_typos, word_share=word_share)
        case "case":
            return change_case
        case "full-width":
            return to_full_width
        case "word-drop":
            return partial(remove_words, word_share=word_share)
        case "neighbours":
            if neighbours is None:
                raise ValueError("the perturbation neighbours needs words to choose from")
            return partial(replace_by_neighbours, neighbours=neighbours, word_share=word_share)


def add_typos(text: str, random: np.random.Generator, *, word_share: float = WORD_SHARE) -> str:
    """Returns a text with a typo in a share of its words, in one at least.

    A typo is a letter's neighbour on the keyboard (QWERTY) in its place, two letters in the other order, a letter left
    out, or a letter written twice, each as likely where the word has room for it. Words without letters, such as
    numbers, stay.
    """
    words = [match for match in _WORD.finditer(text) if any(map(str.isalpha, match.group()))]
    return _replace(text, _draw(words, word_share, random), lambda word: _misspell(word, random))


def change_case(text: str, random: np.random.Generator) -> str:
    """Returns a text in capitals, in small letters, with capitals at the words' beginnings, or as of a locked shift."""
    forms = dict.fromkeys((text.upper(), text.lower(), text.title(), text.swapcase()))
    others = [form for form in forms if form != text]
    return others[random.integers(len(others))] if others else text


def to_full_width(text: str, random: np.random.Generator) -> str:
    """Returns a text in the full-width forms that East Asian input methods write; nothing of it is random."""
    del random
    return text.translate(_FULL_WIDTH)


def remove_words(text: str, random: np.random.Generator, *, word_share: float = WORD_SHARE) -> str:
    """Returns a text without a share of its words, without one at least; its last word stays."""
    words = list(_WORD.finditer(text))
    if len(words) < 2:
        return text
    pieces, end = [], 0
    for word in _draw(words, word_share, random, max_words=len(words) - 1):
        pieces.append(text[end : word.start()])
        # With a word goes the space behind it.
        end = word.end() + text[word.end() : word.end() + 1].isspace()
    return "".join([*pieces, text[end:]]).strip()


def replace_by_neighbours(
    text: str, random: np.random.Generator, *, neighbours: WordNeighbours, word_share: float = WORD_SHARE
) -> str:
    """Returns a text with a share of its words, one at least, replaced by words that are used like them.

    Words that have no neighbours stay. Capitals are kept. Words that are used alike may mean the opposite.
    """
    words = [match for match in _WORD.finditer(text) if neighbours.of(match.group().lower())]

    def replace(word: str) -> str:
        others = neighbours.of(word.lower())
        other = others[int(random.integers(len(others)))]
        return other.upper() if word.isupper() and len(word) > 1 else other.capitalize() if word.istitle() else other

    return _replace(text, _draw(words, word_share, random), replace)


def _draw(
    words: Sequence[re.Match[str]], share: float, random: np.random.Generator, *, max_words: int | None = None
) -> list[re.Match[str]]:
    """Draws a share of words, one at least, in the order of the text."""
    count = min(max(1, round(share * len(words))), len(words) if max_words is None else max_words)
    return [words[index] for index in np.sort(random.choice(len(words), count, replace=False))] if words else []


def _replace(text: str, words: Sequence[re.Match[str]], function: Callable[[str], str]) -> str:
    pieces, end = [], 0
    for word in words:
        pieces += [text[end : word.start()], function(word.group())]
        end = word.end()
    return "".join([*pieces, text[end:]])


def _misspell(word: str, random: np.random.Generator) -> str:
    for index in random.permutation(len(_TYPOS)):
        positions = _TYPOS[index][0](word)
        if positions:
            return _TYPOS[index][1](word, positions[random.integers(len(positions))], random)
    return word


def _key_neighbours() -> dict[str, str]:
    """Returns the letters beside each letter, and those above and below that touch it, as the rows are staggered."""
    keys_by_letter = {letter: (row, column) for row, keys in enumerate(_KEY_ROWS) for column, letter in enumerate(keys)}
    neighbours = {(0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0)}
    return {
        letter: "".join(other for other, (r, c) in keys_by_letter.items() if (r - row, c - column) in neighbours)
        for letter, (row, column) in keys_by_letter.items()
    }


_KEYS: Final = _key_neighbours()


def _letters(word: str) -> list[int]:
    return [position for position, character in enumerate(word) if character.isalpha()]


def _press_neighbour(word: str, position: int, random: np.random.Generator) -> str:
    keys = _KEYS[word[position].lower()]
    key = keys[random.integers(len(keys))]
    return word[:position] + (key.upper() if word[position].isupper() else key) + word[position + 1 :]


# Of each kind of typo the places in a word where it is possible, and the word with it.
_TYPOS: Final[Sequence[tuple[Callable[[str], list[int]], Callable[[str, int, np.random.Generator], str]]]] = (
    (lambda word: [position for position in _letters(word) if word[position].lower() in _KEYS], _press_neighbour),
    (
        lambda word: [
            position
            for position in _letters(word)
            if word[position + 1 : position + 2].isalpha() and word[position] != word[position + 1]
        ],
        lambda word, position, _: word[:position] + word[position + 1] + word[position] + word[position + 2 :],
    ),
    (
        lambda word: _letters(word) if len(word) > 1 else [],
        lambda word, position, _: word[:position] + word[position + 1 :],
    ),
    (_letters, lambda word, position, _: word[:position] + word[position] + word[position:]),
)
