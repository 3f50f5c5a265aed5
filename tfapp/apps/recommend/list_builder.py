"""Builds a user's list: finds candidates, ranks them, and gives some positions to new items; diversifies it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.candidates import Candidates, CandidateSource, Search, find_candidates
from tfapp.apps.recommend.logistic_weights import LogisticWeights, Ranking
from tfapp.apps.recommend.ranking_features import features
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile
from tfapp.apps.shared.rank_fusion import fuse

__all__ = ["ListBuilder", "ListedItem", "PairScorer", "diversify"]

PairScorer = Callable[[UserProfile, NDArray[np.intp]], NDArray[np.float64]]
"""Scores of a pair model: of what a user liked last, with the texts of items; float[items]."""

# Of how many of the best a list is put together, for each of its positions, where it is to be diverse.
_POOL: Final = 5
_TEN: Final = 10


@dataclass(frozen=True)
class ListedItem:
    """An item of a list: its row in the item matrix, its score, and how it was found.

    The higher the score the better, among the items of one list that are known, or that are new.
    """

    row: int
    score: float
    ways: tuple[CandidateSource, ...]


@dataclass(frozen=True)
class ListBuilder:
    """Builds lists at a time.

    Attributes:
        snapshot: What is known of the items.
        search: Finds items by a vector.
        settings: How lists are made.
        ranking: What was learnt; None: candidates are fused by their ranks.
        pairs: Asks a pair model; None: there is none.
    """

    snapshot: Snapshot
    search: Search
    settings: RecommendSettings
    ranking: Ranking | None = None
    pairs: PairScorer | None = None

    def make(self, profile: UserProfile, count: int) -> list[ListedItem]:
        """Returns a list for a user, best first.

        Raises:
            ClientError: The pair model cannot be asked.
        """
        candidates = self.candidates(profile)
        old, new = self._rank_old(profile, candidates), self._rank_new(profile, candidates)
        new_count = min(len(new), max(self.settings.new_places * count // _TEN, count - len(old)))
        items = [*self._choose(old, count - new_count), *self._choose(new, new_count)]
        ways = {way: set(rows.tolist()) for way, rows in candidates.ways.items()}
        return [ListedItem(row, score, tuple(way for way, rows in ways.items() if row in rows)) for row, score in items]

    def only_new(self, profile: UserProfile, count: int) -> list[ListedItem]:
        """Returns a list of new items alone."""
        new = self._rank_new(profile, self.candidates(profile))
        return [ListedItem(row, score, ("new",)) for row, score in self._choose(new, count)]

    def alike(self, profile: UserProfile, count: int) -> list[ListedItem]:
        """Returns items similar to those of the history, by text and by who liked both; new ones by their text."""
        candidates = self.candidates(profile)
        hits = self.search(profile.whole, self.settings.candidates) if profile.whole.any() else []
        history_items = set(profile.history.items.tolist())
        ways: dict[CandidateSource, list[int]] = {
            "text": [row for row, _ in hits if row not in history_items],
            "together": [row for row in candidates.ways["together"].tolist() if row not in history_items],
        }
        return [
            ListedItem(row, score, tuple(way for way, rows in ways.items() if row in rows))
            for row, score in fuse(list(ways.values()))[:count]
        ]

    def candidates(self, profile: UserProfile) -> Candidates:
        """Returns the candidates of a user's list."""
        without = np.array([], np.intp) if self.settings.repeat else profile.history.seen
        return find_candidates(self.snapshot, profile, self.search, self.settings, without=without)

    def _rank_old(self, profile: UserProfile, candidates: Candidates) -> list[tuple[int, float]]:
        """Ranks the candidates with events, best first, with their scores."""
        if self.ranking is None or not len(profile.history):
            return self._fuse(profile, candidates)
        rows, weights = candidates.old_items, self.ranking.known
        scores = weights.scores(features(self.snapshot, profile, rows, weights.names)) if len(rows) else np.array([])
        order = np.argsort(-scores, kind="stable")
        rows, scores = rows[order], scores[order]
        if self.pairs is not None and self.ranking.paired is not None and len(rows):
            return self._rerank(profile, rows, scores, self.pairs, self.ranking.paired)
        return _pairs(rows, scores)

    def _rerank(
        self,
        profile: UserProfile,
        rows: NDArray[np.intp],
        scores: NDArray[np.float64],
        pairs: PairScorer,
        weights: LogisticWeights,
    ) -> list[tuple[int, float]]:
        """Reranks the best by the scores of the pair model."""
        head = rows[: self.settings.paired]
        pair_features = features(self.snapshot, profile, head, weights.names[:-1])
        head_scores = weights.scores(np.column_stack([pair_features, pairs(profile, head)]))
        order = np.argsort(-head_scores, kind="stable")
        # The others stay behind, at their distances.
        tail_scores = scores[len(head) :]
        shifted_scores = tail_scores - tail_scores.max(initial=-np.inf) + head_scores.min()
        return [*_pairs(head[order], head_scores[order]), *_pairs(rows[len(head) :], shifted_scores)]

    def _rank_new(self, profile: UserProfile, candidates: Candidates) -> list[tuple[int, float]]:
        """Ranks the new items by their texts; where nothing is known of the user, the newest first.

        Weights learnt from the few that were liked when they were new did not prove better than the bare cosine.
        """
        rows, item_matrix = candidates.new_items, self.snapshot.item_matrix
        if profile.whole.any():
            return _pairs(rows, (item_matrix.vectors[rows] @ profile.whole).astype(np.float64))
        newest = rows[np.argsort(-item_matrix.published[rows], kind="stable")]
        return _pairs(newest, -np.arange(len(newest), dtype=np.float64))

    def _fuse(self, profile: UserProfile, candidates: Candidates) -> list[tuple[int, float]]:
        """Fuses the rankings of the searches; for a user of whom only a text is known, the text's come first."""
        ways = {way: rows.tolist() for way, rows in candidates.ways.items() if way != "new"}
        if profile.request is not None and not len(profile.history):
            order = dict.fromkeys([*ways["text"], *ways["popular"]])
            return [(row, -float(rank)) for rank, row in enumerate(order)]
        return fuse(list(ways.values()))

    def _choose(self, ranking: list[tuple[int, float]], count: int) -> list[tuple[int, float]]:
        pool = ranking[: count * _POOL] if self.settings.diversity else ranking[:count]
        scores = np.array([score for _, score in pool])
        vectors = self.snapshot.item_matrix.vectors[[row for row, _ in pool]]
        return [pool[index] for index in diversify(scores, vectors, diversity=self.settings.diversity, limit=count)]


def _pairs(rows: NDArray[np.intp], scores: NDArray[np.float64]) -> list[tuple[int, float]]:
    return [(int(row), float(score)) for row, score in zip(rows, scores, strict=True)]


def diversify(
    scores: NDArray[np.float64], vectors: NDArray[np.float32], *, diversity: float, limit: int
) -> NDArray[np.intp]:
    """Chooses items one by one by maximal marginal relevance.

    J. Carbonell, J. Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing
    Summaries, SIGIR 1998; with lambda = 1 - diversity, and scores brought to 0..1.

    Args:
        scores: float[C], the higher the better.
        vectors: float32[C, width], of length 1.
        diversity: 0: by score alone; 1: by unlikeness alone.
        limit: How many are chosen.

    Returns:
        int[limit], row numbers in the order of the choice.

    Example:
        >>> twins = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
        >>> diversify(np.array([3.0, 2.0, 1.0]), twins, diversity=0.5, limit=2).tolist()
        [0, 2]
    """
    order = np.argsort(-scores, kind="stable")
    if diversity == 0 or len(order) < 2:
        return order[:limit]
    span = scores.max() - scores.min()
    relevance = (scores - scores.min()) / (span or 1.0)
    redundancy = np.zeros(len(scores))
    is_left = np.ones(len(scores), bool)
    selection: list[int] = []
    while len(selection) < min(limit, len(order)):
        worth = (1 - diversity) * relevance - diversity * redundancy
        best = int(order[np.argmax(np.where(is_left[order], worth[order], -np.inf))])
        selection.append(best)
        is_left[best] = False
        redundancy = np.maximum(redundancy, vectors @ vectors[best])
    return np.array(selection, np.intp)
