"""Finds the two columns of a pair of texts in a data file."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any, Final, NamedTuple

from tfapp.data.proposals.columns import LABEL_NAMES, LabelGuess, guess_ids, guess_label
from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.number_columns import choose_number_column, is_continuous, number_columns

__all__ = ["PairColumns", "find_pair", "find_pair_number", "guess_pair_label", "has_lists"]

_ROLES: Final = ("query", "candidate")
_PAIRS: Final = (_ROLES, ("premise", "hypothesis"))
# What two names differ in: text1 and text2, sentence_a and sentence_b, left and right. Three of a kind are two pairs,
# so none.
_MARKS: Final = (
    *(("0", "1"), ("1", "2"), ("2", "3"), ("a", "b"), ("b", "c"), ("x", "y"), ("y", "z"), ("one", "two")),
    *(("two", "three"), ("first", "second"), ("second", "third"), ("left", "right")),
)
# The same, where one of them has the plain name: message and other_message.
_SECOND_MARKS: Final = ("1", "2", "second", "other", "another")
# Parts of one text, of which none is compared with another.
_PARTS: Final = frozenset(
    {"title", "subject", "headline", "heading", "summary", "abstract", "description", "keywords", "name", "address"}
)
_ROWS: Final = 500
_CHARACTERS: Final = 10_000
_FEWEST_WORDS: Final = 3.0
_MOST_TIMES_LONGER: Final = 2.5
# A text that comes again is a label's name, or one side of many pairs.
_FEWEST_DISTINCT: Final = 0.05
_TEXT_WORD: Final = re.compile(r"[\u2e80-\u9fff]|[^\W\d_]+")
# One text in two forms, such as cleaned and not, shares nearly all of its words.
_COPIED: Final = 0.8


class PairColumns(NamedTuple):
    """The columns of a pair of texts.

    Attributes:
        query: The first text's.
        candidate: The second text's.
        reason: How they are known.
    """

    query: str
    candidate: str
    reason: str

    @property
    def settings(self) -> dict[str, str]:
        """Returns values for the section `data`: the columns that have other names than the settings."""
        return {role: name for role, name in zip(_ROLES, self[:2], strict=True) if role != name}

    def note(self, sample: DataSample) -> str:
        """Returns a note on the chosen columns: their names, the reason, and how to choose others."""
        reason = f"{self.reason}; --column text=NAME reads one alone"
        return f'pairs: columns "{self.query}" and "{self.candidate}" ({reason}); columns: {sample.column_list}'

    def texts(self, sample: DataSample) -> list[str]:
        """Returns both texts of each row as one."""
        return [f"{first} {second}" for first, second in zip(*(sample.columns[name] for name in self[:2]), strict=True)]


def find_pair(sample: DataSample) -> PairColumns | None:
    """Returns the columns of a pair of texts: those that the user named, else by their names, else by their texts.

    By their texts, they are the only two of free text, of like lengths, and say different things.

    Returns:
        None: There is no pair, or the user named the column of the one text.

    Raises:
        DataError: The file lacks a column that the user named.
    """
    roles = [sample.named_column(role) for role in _ROLES]
    if has_lists(sample) or (not all(roles) and sample.named_column("text")):
        return None
    if any(roles):
        query, candidate = (name or role for name, role in zip(roles, _ROLES, strict=True))
        return PairColumns(query, candidate, "as named") if {query, candidate} <= sample.columns.keys() else None
    words = {name: _words_of_texts(values) for name, values in sample.columns.items()}
    numbered_pairs = _numbered_pairs([name for name, texts in words.items() if texts])
    if numbered_pairs:
        fewest = min(len(_words(name)) for name, _ in numbered_pairs)
        pairs = [pair for pair in numbered_pairs if len(_words(pair[0])) == fewest]
        return PairColumns(*pairs[0], "by their names") if len(pairs) == 1 and sample.text_column in pairs[0] else None
    return _find_by_texts(_free_texts(sample, words))


def guess_pair_label(sample: DataSample, pair: PairColumns) -> list[LabelGuess]:
    """Ranks the columns that may hold the labels of pairs, as `guess_label` does."""
    columns = {name: values for name, values in sample.label_columns.items() if name != pair.candidate}
    return guess_label(columns, pair.query, strings=sample.holds_strings)


def find_pair_number(sample: DataSample, pair: PairColumns) -> tuple[str | None, list[str]]:
    """Returns the column of the numbers of pairs, None where their labels are classes, and notes on the choice.

    Numbers are many distinct ones, not all whole, unless a column named like a label holds classes; a rating; or what
    is there where nothing may be classes.
    """
    guesses = guess_pair_label(sample, pair)
    if any(guess.rating is None and guess.column.lower() in LABEL_NAMES for guess in guesses):
        return None, []
    names = number_columns(sample)
    continuous = [name for name in names if is_continuous(sample.columns[name])]
    if continuous or not guesses:
        return choose_number_column(continuous or names, sample)
    return choose_number_column([guesses[0].column] if guesses[0].rating else [], sample, "a rating")


def has_lists(sample: DataSample) -> bool:
    """Returns whether a column has lists: spans, or several labels."""
    return any(isinstance(value, list) for values in sample.columns.values() for value in values)


def _find_by_texts(texts: Mapping[str, Sequence[set[str]]]) -> PairColumns | None:
    """Returns the only two columns of free text, if they are a pair."""
    if len(texts) != 2 or _are_copies(*texts.values()):
        return None
    second = next((pair for pair in permutations(texts, 2) if _is_second(*pair)), None)
    if second:
        return PairColumns(*second, "by their names")
    query, candidate = texts
    return PairColumns(query, candidate, "texts of like lengths") if _are_alike(texts) else None


def _numbered_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the pairs of names that are those of a first and a second text, by the place of the first."""
    words = {name: _words(name) for name in names}
    pairs: dict[tuple[str, str], None] = {}
    for first, second in _PAIRS:
        pairs |= dict.fromkeys(product(_spellings(names, first), _spellings(names, second)))
    for mark, next_mark in _MARKS:
        names_by_stem: dict[tuple[str, ...], list[str]] = {}
        for name in names:
            stem = _without(words[name], next_mark)
            if stem is not None and (stem or len(next_mark) > 2):
                names_by_stem.setdefault(tuple(stem), []).append(name)
        for name in names:
            stem = _without(words[name], mark)
            # Two are too many, as more would be.
            seconds = names_by_stem.get(tuple(stem), [])[:3] if stem is not None else []
            pairs |= {(name, other): None for other in seconds if other != name}
    places = {name: place for place, name in enumerate(names)}
    return sorted(pairs, key=lambda pair: (places[pair[0]], places[pair[1]]))


def _spellings(names: Sequence[str], word: str) -> list[str]:
    return [name for name in names if name.lower() == word]


def _is_second(first: str, second: str) -> bool:
    """Returns whether the second name says that its column holds another text like that of the first."""
    return any(_without(_words(second), mark) == _words(first) for mark in _SECOND_MARKS)


def _without(words: Sequence[str], mark: str) -> list[str] | None:
    """Returns words without the one that is the mark; None if not one is."""
    words_left = [word for word in words if word != mark]
    return words_left if len(words_left) == len(words) - 1 else None


def _words_of_texts(values: Sequence[Any]) -> list[set[str]]:
    """Returns the words of the beginning of each of a column's first texts; empty where they are no words."""
    words = [
        set(_TEXT_WORD.findall(value[:_CHARACTERS].lower())) if isinstance(value, str) else set()
        for value in values[:_ROWS]
    ]
    return words if sum(map(len, words)) >= len(words) else []


def _free_texts(sample: DataSample, words: Mapping[str, list[set[str]]]) -> dict[str, list[set[str]]]:
    """Returns the columns of free text among those that have words."""
    names_to_skip = {*guess_ids(sample.columns), sample.named_column("label")}
    return {
        name: texts
        for name, texts in words.items()
        if name not in names_to_skip
        and name.lower() not in LABEL_NAMES
        and sum(map(len, texts)) >= _FEWEST_WORDS * len(texts) > 0
        and len(set(map(str, sample.columns[name][:_ROWS]))) > _FEWEST_DISTINCT * len(texts)
    }


def _are_copies(first: Sequence[set[str]], second: Sequence[set[str]]) -> bool:
    """Returns whether most texts say in two columns the same."""
    shares = [len(a & b) / min(len(a), len(b)) for a, b in zip(first, second, strict=True) if a and b]
    return not shares or statistics.median(shares) >= _COPIED


def _are_alike(texts: Mapping[str, Sequence[set[str]]]) -> bool:
    """Returns whether two columns hold texts of like lengths, and neither is named like a part of one text."""
    shorter, longer = sorted(statistics.fmean(map(len, words)) for words in texts.values())
    return longer <= _MOST_TIMES_LONGER * shorter and not _PARTS & {word for name in texts for word in _words(name)}


def _words(name: str) -> list[str]:
    """Returns the words and numbers of a name: `["text", "1"]` of "Text1", `["text", "a"]` of "textA"."""
    return re.findall(r"[^\W\d_]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
