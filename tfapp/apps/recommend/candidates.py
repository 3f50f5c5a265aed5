"""Finds the candidates of a list by four searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.user_profile import UserProfile
from tfapp.apps.shared.vector_index import Hit

__all__ = ["CandidateSource", "Candidates", "Search", "exact_search", "find_candidates"]

CandidateSource = Literal["text", "together", "popular", "new"]
"""The ways to find candidates: by the texts of what the user liked; by what others like who liked the same; by what
many like; new, by its text."""

Search = Callable[[NDArray[np.float32], int], Sequence[Hit]]
"""Gives the items nearest to a vector: rows and cosines, nearest first."""

# Of a user's last liked items each finds its own neighbours, so that several interests have theirs.
_OWN: Final = 5


@dataclass(frozen=True)
class Candidates:
    """The candidates that each way of searching found, best first."""

    ways: Mapping[CandidateSource, NDArray[np.intp]]

    @property
    def old_items(self) -> NDArray[np.intp]:
        """Returns the items that any search but `new` found, each once, rising."""
        hits = [rows for way, rows in self.ways.items() if way != "new"]
        return np.unique(np.concatenate(hits)) if hits else np.array([], np.intp)

    @property
    def new_items(self) -> NDArray[np.intp]:
        """Returns the new items, nearest first."""
        return self.ways["new"]


def exact_search(snapshot: Snapshot) -> Search:
    """Returns a search that compares with all items that are published."""
    rows = np.flatnonzero(snapshot.available)
    vectors = snapshot.item_matrix.vectors[rows]

    def search(vector: NDArray[np.float32], count: int) -> list[Hit]:
        cosines = vectors @ vector
        best = _greatest(cosines, count)
        return list(zip(rows[best].tolist(), cosines[best].tolist(), strict=True))

    return search


def find_candidates(
    snapshot: Snapshot, profile: UserProfile, search: Search, settings: RecommendSettings, *, without: NDArray[np.intp]
) -> Candidates:
    """Finds the candidates of a user's list, without the items of `without`."""
    available = snapshot.available.copy()
    available[without] = False
    old_items = available & ~snapshot.new
    count, history = settings.candidates, profile.history
    likes = snapshot.like_cooccurrence.scores(history.items, history.likes)
    recent = snapshot.like_cooccurrence.scores(history.items, history.recent_likes)
    events = snapshot.event_cooccurrence.scores(history.items, np.ones(len(history)))
    popular = [
        _greatest_positive(counts, old_items, count)
        for counts in (snapshot.popularity.likes, *snapshot.popularity.lately)
    ]
    return Candidates(
        {
            "text": _by_text(snapshot, profile, search, count, old_items),
            "together": _merge([_greatest_positive(scores, old_items, count) for scores in (likes, recent, events)]),
            "popular": _merge([popular[1 + len(popular[1:]) // 2], *popular]),
            "new": _new_items(snapshot, profile, available & snapshot.new, count),
        }
    )


def _by_text(
    snapshot: Snapshot, profile: UserProfile, search: Search, count: int, old: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Returns the items nearest to the profile and to each of the last liked items."""
    liked_vectors = snapshot.item_matrix.vectors[profile.history.liked_items(_OWN)]
    searches = [(profile.whole, count), (profile.recent, count), *((vector, count // _OWN) for vector in liked_vectors)]
    hits = [[row for row, _ in search(vector, limit)] for vector, limit in searches if limit and vector.any()]
    return _merge([np.array([row for row in rows if old[row]], np.intp) for rows in hits])


def _new_items(snapshot: Snapshot, profile: UserProfile, new: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    rows = np.flatnonzero(new)
    cosines = snapshot.item_matrix.vectors[rows] @ profile.whole
    # The newer ones first where nothing else tells them apart.
    return rows[np.lexsort((-snapshot.item_matrix.published[rows], -cosines))[:count]]


def _greatest_positive(scores: NDArray[np.float64], mask: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """Returns the items with the greatest scores over 0, best first."""
    rows = np.flatnonzero(mask & (scores > 0))
    return rows[_greatest(scores[rows], count)]


def _greatest(scores: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Returns the rows of the greatest scores, best first."""
    rows = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
    return rows[np.lexsort((rows, -scores[rows]))]


def _merge(rankings: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
    """Merges arrays of items, each item once, in order."""
    return np.array(list(dict.fromkeys(row for ranking in rankings for row in ranking.tolist())), np.intp)
