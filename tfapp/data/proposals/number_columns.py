"""Finds the columns of numbers that a model may learn to predict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from tfapp.data.labels import as_number
from tfapp.data.proposals.data_sample import DataSample

__all__ = ["choose_number_column", "is_continuous", "number_columns"]

_NAMES: Final = ("label", "target", "value", "number", "price", "amount")
# More steps than a rating in halves has.
_MOST_STEPS: Final = 20


def number_columns(sample: DataSample) -> list[str]:
    """Returns the columns of different numbers that neither name rows nor count them.

    Those that are named like labels come first.
    """
    return sorted((name for name, values in sample.label_columns.items() if _holds_numbers(name, values)), key=_rank)


def choose_number_column(
    names: Sequence[str], sample: DataSample, why: str = "many distinct numbers"
) -> tuple[str | None, list[str]]:
    """Returns the first name, None without one, and notes on the choice."""
    if not names:
        return None, []
    notes = [f'numbers: column "{names[0]}" ({why})']
    if names[1:]:
        notes.append(f"numbers could also be in: {', '.join(map(repr, names[1:]))}")
    return names[0], [*notes, *sample.notes]


def is_continuous(values: Sequence[Any]) -> bool:
    """Returns whether numbers have more steps than a rating has, and are not all whole."""
    numbers = [number for value in values if (number := as_number(value)) is not None]
    return len(set(numbers)) > min(_MOST_STEPS, len(numbers) // 2) and not all(map(float.is_integer, numbers))


def _holds_numbers(name: str, values: Sequence[Any]) -> bool:
    try:
        numbers = [number for value in values if (number := as_number(value)) is not None]
    except ValueError:
        return False
    is_count = all(number + 1 == successor for number, successor in pairwise(numbers))
    return len(set(numbers)) > 1 and not is_count and not f"_{name.lower()}".endswith("_id")


def _rank(name: str) -> int:
    return _NAMES.index(name.lower()) if name.lower() in _NAMES else len(_NAMES)
