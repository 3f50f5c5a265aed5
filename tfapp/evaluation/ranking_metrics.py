"""Metrics of candidates in order, query by query: ranks, and means of measures (nDCG: `tfapp.core.ndcg`).

Arrays go in, numbers come out. Of candidates with the same score those that do not fit stand first, so that a model
which gives everything the same score does not look good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tfapp.core.array_types import Bools, Floats, Indices
from tfapp.evaluation.metrics import Measure, percentiles

__all__ = [
    "count_ranks",
    "mean_interval",
    "mean_measures",
    "query_measures",
    "relevant_ranks",
]

_RESAMPLES: Final = 1000


def relevant_ranks(relevant: Bools, scores: Floats) -> Indices:
    """Returns the ranks int[R] of one query's relevant candidates, counted from 1, best first."""
    others = np.sort(scores[~relevant])
    positives = np.sort(scores[relevant])[::-1]
    higher_counts = len(others) - np.searchsorted(others, positives, side="left")
    return higher_counts + np.arange(1, len(positives) + 1)


def count_ranks(ranks: Iterable[Indices], limit: int) -> tuple[int, ...]:
    """Counts the queries whose first relevant candidate is at rank 1, 2, ... `limit`, and later; `ranks` are theirs."""
    first = np.array([query[0] for query in ranks], int)
    return tuple(np.bincount(np.minimum(first, limit + 1), minlength=limit + 2)[1:].tolist())


def mean_measures(names: Sequence[str], rows: Sequence[Sequence[float]]) -> tuple[Measure, ...]:
    """Returns the means of measures over queries with their intervals; a row of `rows` has the values of one query."""
    table = np.array(rows, np.float64).reshape(-1, len(names))
    means = (table.sum(axis=0) / max(len(table), 1)).tolist()
    return tuple(map(Measure, names, means, map(mean_interval, table.T)))


def query_measures(names: Sequence[str], rows: Sequence[Sequence[float]]) -> dict[str, Floats]:
    """Returns the values float64[Q] of each measure but the first, which the terms of the main score have."""
    table = np.array(rows, np.float64).reshape(-1, len(names))
    return {name: table[:, column] for column, name in enumerate(names) if column}


def mean_interval(values: Floats, *, seed: int = 0) -> tuple[float, float]:
    """Returns the percentile bootstrap interval of a mean over queries (Efron 1979); (0, 1) without values."""
    if not len(values):
        return 0.0, 1.0
    random = np.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    return percentiles(np.array(means))
