"""Metrics of a ranker over all pairs, and their queries.

Arrays go in, numbers come out. A pair is relevant where its grade is over 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.core.array_types import Bools, Floats, Indices
from tfapp.evaluation.metrics import percentiles

__all__ = ["auc", "auc_interval", "auc_shares", "by_query"]

_RESAMPLES: Final = 1000
# Draws times pairs that an interval may cost.
_MOST_WORK: Final = 10**8


def by_query(codes: Indices) -> Iterator[Indices]:
    """Yields the row numbers of each query; `codes`, int[N], are the same for the rows of one."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order])) + 1
    yield from (part for part in np.split(order, starts) if len(part))


def auc(relevant: Bools, scores: Floats) -> float:
    """Returns the area under the ROC curve: how often a relevant pair scores higher than another, ties half.

    It is 0.5 without both.
    """
    return _auc(relevant, np.unique(scores, return_inverse=True)[1], np.ones(len(scores)))


def auc_interval(relevant: Bools, scores: Floats, codes: Indices, *, seed: int = 0) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of the AUC of N pairs; (0, 1) where N is 0.

    Whole queries are drawn, 0..Q-1 by `codes`, for their pairs are no independent draws.
    """
    if not len(scores):
        return 0.0, 1.0
    random = np.random.default_rng(seed)
    queries = int(codes.max()) + 1
    levels = np.unique(scores, return_inverse=True)[1]
    draws = int(np.clip(_MOST_WORK // len(scores), 100, _RESAMPLES))
    times = (np.bincount(random.integers(0, queries, queries), minlength=queries) for _ in range(draws))
    return percentiles(np.array([_auc(relevant, levels, weights[codes]) for weights in times]))


def auc_shares(relevant: Bools, scores: Floats) -> Floats:
    """Returns the shares float64[N] of the pairs in the AUC, which is their mean.

    They are the structural components of DeLong, DeLong and Clarke-Pearson, "Comparing the Areas under Two or More
    Correlated Receiver Operating Characteristic Curves", 1988: how often a relevant pair scores higher than others, and
    another pair lower than relevant ones; each less the AUC, and weighted so that the mean of all N has its error.
    """
    area = auc(relevant, scores)
    shares = np.full(len(scores), area)
    counts = np.array([np.count_nonzero(~relevant), np.count_nonzero(relevant)])
    if not counts.all():
        return shares
    for kind, sign in ((True, 1.0), (False, -1.0)):
        others = np.sort(sign * scores[relevant != kind])
        class_scores = sign * scores[relevant == kind]
        lower_counts = np.searchsorted(others, class_scores, "left") + np.searchsorted(others, class_scores, "right")
        shares[relevant == kind] += len(scores) / len(class_scores) * (lower_counts / (2 * len(others)) - area)
    return shares


def _auc(relevant: Bools, levels: Indices, weights: NDArray[Any]) -> float:
    """Returns the AUC with weights of the rows; `levels` numbers the scores in rising order, equal ones alike."""
    if not len(levels):
        return 0.5
    hits = np.bincount(levels, weights * relevant)
    misses = np.bincount(levels, weights * ~relevant, minlength=len(hits))
    both = hits.sum() * misses.sum()
    lower_counts = np.cumsum(misses) - misses / 2
    return float(hits @ lower_counts / both) if both else 0.5
