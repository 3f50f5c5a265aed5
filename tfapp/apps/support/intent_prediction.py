"""Predicts what a question is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tfapp.apps.support.retrieval import Passage

__all__ = ["IntentPrediction", "nearest_intent"]


class IntentPrediction(NamedTuple):
    """An intent, its confidence (a probability or a cosine), and the number of the question's interpretation."""

    name: str
    confidence: float
    interpretation: int = 0


def nearest_intent(passages: Sequence[Passage]) -> IntentPrediction | None:
    """Returns the intent of the nearest known question that has one; None where none has."""
    for passage in passages:
        if passage.target.answer_id is None and passage.target.intent:
            return IntentPrediction(passage.target.intent, passage.cosine or 0.0)
    return None
