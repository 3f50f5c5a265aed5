"""Fuses several rankings into one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

__all__ = ["fuse"]

T = TypeVar("T", bound=Hashable)


def fuse(
    rankings: Sequence[Sequence[T]], *, constant: int = 60, weights: Sequence[float] | None = None
) -> list[tuple[T, float]]:
    """Fuses rankings by reciprocal rank fusion.

    An item's score is the sum of `weight / (constant + rank)` over the rankings that have it, ranks counted from 1
    (G. Cormack, C. Clarke, S. Büttcher, Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank Learning
    Methods, SIGIR 2009, where the constant is 60 and all weights are 1).

    Args:
        rankings: Items, best first, each at most once in a ranking.
        constant: How little the first ranks differ.
        weights: What each ranking counts; 1 by default.

    Returns:
        Every item with its score, best first; of equal ones, that which the first ranking has first.

    Example:
        >>> [item for item, _ in fuse([["a", "b", "c"], ["c", "a", "d"]])]
        ['a', 'c', 'b', 'd']
    """
    scores: dict[T, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (constant + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
