"""Proposes settings for a file of texts, or pairs of texts, with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from tfapp.data.columns import guess_label, guess_text
from tfapp.data.data_sample import DataSample
from tfapp.data.proposal import Proposal, make_proposal
from tfapp.tasks.regression.data import as_number

__all__ = ["propose_pair_regression", "propose_regression"]

_NAMES: Final = ("label", "target", "value", "number", "price", "amount")
_PAIR: Final = ("query", "candidate")


def propose_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of texts whose only labels are many distinct numbers; None for any other."""
    text, label, notes = _label_column(sample)
    if label is None or set(_PAIR) <= sample.columns.keys():
        return None
    notes = [f'texts: column "{text}" (the longest strings); columns: {sample.column_list}', *notes]
    return make_proposal("regression", sample, sample.columns[text], notes, columns={"text": text, "label": label})


def propose_pair_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file with columns "query" and "candidate" and such numbers; None for any other."""
    text, label, notes = _label_column(sample)
    if label is None or text not in _PAIR or not set(_PAIR) <= sample.columns.keys():
        return None
    pairs = zip(*(sample.columns[name] for name in _PAIR), strict=True)
    notes = [f'pairs: columns "query" and "candidate"; columns: {sample.column_list}', *notes]
    return make_proposal(
        "pair-regression", sample, [f"{one} {other}" for one, other in pairs], notes, columns={"label": label}
    )


def _label_column(sample: DataSample) -> tuple[str, str | None, list[str]]:
    """Returns the column of the texts, that of the numbers, None where there is none, and notes on the choice."""
    columns, text = sample.columns, guess_text(sample.columns)
    # Lists are spans, or several labels.
    if any(isinstance(value, list) for values in columns.values() for value in values):
        return "", None, []
    # What may be classes, or a rating, is proposed as such.
    if text is None or guess_label(columns, text, strings=sample.source.format in ("csv", "tsv")):
        return "", None, []
    names = sorted((name for name in columns if _holds_numbers(name, columns[name])), key=_rank)
    if not names:
        return "", None, []
    notes = [f'numbers: column "{names[0]}" (many distinct numbers)']
    if names[1:]:
        notes.append(f"numbers could also be in: {', '.join(map(repr, names[1:]))}")
    return text, names[0], [*notes, *sample.notes]


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
