"""Suggests ranking for a file of labelled pairs of texts."""

from __future__ import annotations

from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.pair_columns import find_pair, find_pair_number
from tfapp.data.proposals.proposal import Proposal

__all__ = ["suggest_ranking"]


def suggest_ranking(sample: DataSample, proposal: Proposal) -> str | None:
    """Suggests this task where another one learns labels of pairs of which several have the same query."""
    pair = find_pair(sample) if {"label", "rating"} & proposal.data.keys() else None
    if pair is None or "text" in proposal.data or find_pair_number(sample, pair)[0] is not None:
        return None
    queries = sample.columns[pair.query]
    has_repeats = len(set(map(str, queries))) < len(queries)
    return 'task = "ranking" would order the candidates of a query' if has_repeats else None
