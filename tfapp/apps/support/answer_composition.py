"""Composes an answer from the best passages."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from tfapp.apps.support.retrieval import Passage

__all__ = ["choose", "compose"]

_SENTENCE: Final = re.compile(r"(?<=[.!?。！？])\s+")


def choose(passages: Sequence[Passage], *, threshold: float, margin: float, max_passages: int) -> list[Passage]:
    """Selects the passages of an answer: the best one, and others that answer the question themselves.

    Answers that other wordings of the question got are alternatives to the best one, and are left out; what is added
    was found by its own text.

    Args:
        passages: Best first.
        threshold: The least cosine.
        margin: How much less than the best one's a further one's may be.
        max_passages: How many, at most.
    """
    candidates = [passage for passage in passages if passage.target.text and (passage.cosine or 0.0) >= threshold]
    limit = (candidates[0].cosine or 0.0) - margin if candidates else 0.0
    followers = (p for p in candidates[1:] if p.text_id == p.target.answer_id and (p.cosine or 0.0) >= limit)
    return [*candidates[:1], *followers][:max_passages]


def compose(
    passages: Sequence[Passage],
    embed: Callable[[Sequence[str]], np.ndarray | None],
    *,
    question: str,
    max_sentences: int,
) -> str:
    """Joins passages, and shortens a long one to the sentences nearest to the question, in their order.

    Args:
        passages: What to join.
        embed: Gives texts their vectors, float32 [texts, width]; None, and the first sentences stay.
        question: What was asked.
        max_sentences: Sentences of a passage, at most.
    """
    return " ".join(_shorten(passage.target.text or "", embed, question, max_sentences) for passage in passages)


def _shorten(text: str, embed: Callable[[Sequence[str]], np.ndarray | None], question: str, max_sentences: int) -> str:
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence]
    if len(sentences) <= max_sentences:
        return text
    vectors = embed([question, *sentences])
    similarities = np.arange(len(sentences), 0, -1) if vectors is None else vectors[1:] @ vectors[0]
    rows = sorted(np.argsort(-similarities, kind="stable")[:max_sentences].tolist())
    return " ".join(sentences[index] for index in rows)
