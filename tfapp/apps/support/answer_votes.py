"""Orders answers by the votes of all the known texts that lead to them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

__all__ = ["count_votes"]

T = TypeVar("T", bound=Hashable)


def count_votes(
    cosines: Mapping[int, float],
    words: Mapping[int, float],
    leads_to: Mapping[int, Iterable[T]],
    *,
    words_share: float,
    temperature: float,
) -> dict[T, float]:
    """Counts the votes of texts for the answers that they lead to, nearer texts more.

    A text's score is its cosine, and `words_share` of its BM25 score as a part of the best one (a convex combination:
    S. Bruch, S. Gai, A. Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023, section 3). Its vote
    is the exponential of that score over the temperature, so that the nearest text decides unless others together are
    as near.

    Args:
        cosines: By the texts' ids, of all that were found.
        words: BM25 scores, of those that were found by words.
        leads_to: The answers of each text.
        words_share: What the best BM25 score counts beside a cosine.
        temperature: How much nearer a text must be to count e times as much.

    Returns:
        The answers' votes; only their order means something.
    """
    most = max(words.values(), default=0.0) or 1.0
    scores = {key: cosine + words_share * words.get(key, 0.0) / most for key, cosine in cosines.items()}
    best = max(scores.values(), default=0.0)
    votes: dict[T, float] = {}
    for key, score in scores.items():
        for item in leads_to.get(key, ()):
            votes[item] = votes.get(item, 0.0) + math.exp((score - best) / temperature)
    return votes
