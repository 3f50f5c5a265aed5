"""Proposes settings for a file of texts, or pairs of texts, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from tfapp.data.columns import LABEL_NAMES, guess_label
from tfapp.data.data_sample import DataSample
from tfapp.data.proposal import Proposal, make_proposal
from tfapp.tasks.regression.data import as_number

__all__ = ["propose_pair_regression", "propose_regression"]

_NAMES: Final = ("label", "target", "value", "number", "price", "amount")
_PAIRS: Final = (
    ("query", "candidate"),
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
)
# More steps than a rating in halves has.
_MOST_STEPS: Final = 20


def propose_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of texts whose only labels are many distinct numbers; None for any other."""
    text, label, notes = _label_column(sample)
    if label is None or set(_PAIRS[0]) <= sample.columns.keys():
        return None
    if _similarity_column(sample, _find_pair(sample))[0]:
        return None
    notes = [f'texts: column "{text}" (the longest strings); columns: {sample.column_list}', *notes]
    return make_proposal("regression", sample, sample.columns[text], notes, columns={"text": text, "label": label})


def propose_pair_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of pairs of texts, known by their columns' names, with numbers; None for any other.

    Any pair may have a column of many numbers that are not whole. Other numbers are taken beside "query" and
    "candidate" alone, where nothing else may be labels.
    """
    text, label, notes = _label_column(sample)
    pair: Sequence[str] = _PAIRS[0]
    if label is None or text not in pair or not set(pair) <= sample.columns.keys():
        pair = _find_pair(sample)
        label, notes = _similarity_column(sample, pair)
    if label is None:
        return None
    texts = [f"{one} {other}" for one, other in zip(*(sample.columns[name] for name in pair), strict=True)]
    notes = [f'pairs: columns "{pair[0]}" and "{pair[1]}"; columns: {sample.column_list}', *notes]
    names = {role: name for role, name in zip(_PAIRS[0], pair, strict=True) if name != role}
    return make_proposal("pair-regression", sample, texts, notes, columns={**names, "label": label})


def _find_pair(sample: DataSample) -> tuple[str, ...]:
    """Returns the two columns of a pair of texts by their names, whose longest strings are texts; none without one."""
    columns = {name.lower(): name for name in sample.columns}
    pairs = (tuple(columns[name] for name in pair) for pair in _PAIRS if set(pair) <= columns.keys())
    return next((pair for pair in pairs if sample.text_column in pair), ())


def _similarity_column(sample: DataSample, pair: Sequence[str]) -> tuple[str | None, list[str]]:
    """Returns the column of many distinct numbers, not all whole, beside a pair, None beside labels, and notes."""
    if not pair or _has_lists(sample):
        return None, []
    guesses = guess_label(sample.label_columns, pair[0], strings=sample.source.format in ("csv", "tsv", "xlsx"))
    if any(guess.rating is None and guess.column.lower() in LABEL_NAMES for guess in guesses):
        return None, []
    return _choose([name for name in _number_columns(sample) if _is_continuous(sample.columns[name])], sample)


def _is_continuous(values: Sequence[Any]) -> bool:
    numbers = [number for value in values if (number := as_number(value)) is not None]
    return len(set(numbers)) > min(_MOST_STEPS, len(numbers) // 2) and not all(map(float.is_integer, numbers))


def _has_lists(sample: DataSample) -> bool:
    """Tells whether a column has lists: spans, or several labels."""
    return any(isinstance(value, list) for values in sample.columns.values() for value in values)


def _label_column(sample: DataSample) -> tuple[str, str | None, list[str]]:
    """Returns the column of the texts, that of the numbers, None where there is none, and notes on the choice."""
    columns, text = sample.label_columns, sample.text_column
    # What may be classes, or a rating, is proposed as such.
    if (
        text is None
        or _has_lists(sample)
        or guess_label(columns, text, strings=sample.source.format in ("csv", "tsv", "xlsx"))
    ):
        return "", None, []
    return text, *_choose(_number_columns(sample), sample)


def _number_columns(sample: DataSample) -> list[str]:
    """Returns the columns of different numbers; those that are named like labels come first."""
    return sorted((name for name, values in sample.label_columns.items() if _holds_numbers(name, values)), key=_rank)


def _choose(names: Sequence[str], sample: DataSample) -> tuple[str | None, list[str]]:
    """Returns the first name, None without one, and notes on the choice."""
    if not names:
        return None, []
    notes = [f'numbers: column "{names[0]}" (many distinct numbers)']
    if names[1:]:
        notes.append(f"numbers could also be in: {', '.join(map(repr, names[1:]))}")
    return names[0], [*notes, *sample.notes]


def _holds_numbers(name: str, values: Sequence[Any]) -> bool:
    """Tells whether a column holds different numbers, and neither names rows nor counts them."""
    try:
        numbers = [number for value in values if (number := as_number(value)) is not None]
    except ValueError:
        return False
    counting = all(one + 1 == other for one, other in pairwise(numbers))
    return len(set(numbers)) > 1 and not counting and not f"_{name.lower()}".endswith("_id")


def _rank(name: str) -> int:
    return _NAMES.index(name.lower()) if name.lower() in _NAMES else len(_NAMES)
