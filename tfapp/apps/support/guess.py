"""What a question may be about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tfapp.apps.support.retrieval import Passage

__all__ = ["Guess", "nearest_intent"]


class Guess(NamedTuple):
    """An intent, how sure that is (a probability, or a cosine), and which reading of the question it is of."""

    name: str
    chance: float
    reading: int = 0


def nearest_intent(passages: Sequence[Passage]) -> Guess | None:
    """The intent that known questions speak for; None where none of them has one.

    Args:
        passages: What was found, best first.
    """
    for passage in passages:
        if passage.target.answer_id is None and passage.target.intent:
            return Guess(passage.target.intent, passage.cosine or 0.0)
    return None
