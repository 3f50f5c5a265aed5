"""Diversifies lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["diversify"]


def diversify(
    scores: NDArray[np.float64], vectors: NDArray[np.float32], *, diversity: float, most: int
) -> NDArray[np.intp]:
    """Chooses items one by one by maximal marginal relevance.

    J. Carbonell, J. Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
    Summaries, SIGIR 1998; with lambda = 1 - diversity, and scores brought to 0..1.

    Args:
        scores: float[C], the higher the better.
        vectors: float32[C, width], of length 1.
        diversity: 0: by score alone; 1: by unlikeness alone.
        most: How many are chosen.

    Returns:
        int[most], row numbers in the order of the choice.

    Example:
        >>> twins = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
        >>> diversify(np.array([3.0, 2.0, 1.0]), twins, diversity=0.5, most=2).tolist()
        [0, 2]
    """
    order = np.argsort(-scores, kind="stable")
    if diversity == 0 or len(order) < 2:
        return order[:most]
    span = scores.max() - scores.min()
    relevance = (scores - scores.min()) / (span or 1.0)
    nearest = np.zeros(len(scores))
    left = np.ones(len(scores), bool)
    selection: list[int] = []
    while len(selection) < min(most, len(order)):
        worth = (1 - diversity) * relevance - diversity * nearest
        best = int(order[np.argmax(np.where(left[order], worth[order], -np.inf))])
        selection.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return np.array(selection, np.intp)
