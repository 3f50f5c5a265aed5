"""Splits questions so that every intent is in train, and in dev and test as soon as it has a few."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from tfapp.data.stored_texts import text_key

__all__ = ["Question", "split_questions"]

Question = tuple[str, str]
"""A text and its intent."""

_SHARE: Final = 0.1
_LEAST: Final = 3


def split_questions(questions: Sequence[Question]) -> dict[str, list[Question]]:
    """Splits questions by each text's digest, so that a question stays in its split while others come.

    An intent of three questions or more has one in each split at least; others are for train alone.

    Args:
        questions: All, as (text, intent); of a text that comes again, the last intent holds.

    Returns:
        The splits train, dev and test.
    """
    by_text = {text_key(text): (text, intent) for text, intent in questions}
    by_intent: defaultdict[str, list[tuple[str, Question]]] = defaultdict(list)
    for key, question in sorted(by_text.items()):
        by_intent[question[1]].append((key, question))
    splits: dict[str, list[Question]] = {"train": [], "dev": [], "test": []}
    for group in by_intent.values():
        for place, (key, question) in enumerate(group):
            splits[_split(place, key, len(group))].append(question)
    return splits


def _split(place: int, key: str, count: int) -> str:
    """Returns a question's split: the first two by digest and those below a fifth are held out, but never the last."""
    if count < _LEAST or place == count - 1:
        return "train"
    if place < 2:
        return ("test", "dev")[place]
    share = int(key[:8], 16) / 0x100000000
    return "test" if share < _SHARE else "dev" if share < 2 * _SHARE else "train"
