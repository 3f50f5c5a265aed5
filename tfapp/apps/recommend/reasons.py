"""Explains a suggestion by the items of the user's past that led to it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.recommend.suggestion import Reason, Tie
from tfapp.apps.recommend.user_profile import UserProfile

__all__ = ["reasons_for"]

# Below these cosines two items have too little to do with each other to say so.
_LEAST: Final = {"text": 0.3, "together": 0.2}
# Users who liked both, at least.
_SHARED: Final = 3


def reasons_for(snapshot: Snapshot, profile: UserProfile, place: int, *, wanted: str, most: int) -> tuple[Reason, ...]:
    """Returns the reasons for an item: liked items with similar texts, and those that the same users liked."""
    item_matrix = snapshot.item_matrix
    liked = profile.history.items[profile.history.strengths > 0]
    reasons = [
        *_ties(item_matrix, liked, item_matrix.vectors[liked] @ item_matrix.vectors[place], "text"),
        *_ties(item_matrix, liked, _together(snapshot, liked, place), "together"),
    ]
    if profile.wanted is not None:
        reasons.append(Reason(None, wanted, "text", float(profile.wanted @ item_matrix.vectors[place])))
    # Each item once, by the stronger of its two ties.
    best: dict[str | None, Reason] = {}
    for reason in sorted(reasons, key=_weight, reverse=True):
        if _weight(reason) >= 1:
            best.setdefault(reason.item, reason)
    return tuple(best.values())[:most]


def _ties(item_matrix: ItemMatrix, liked: NDArray[np.intp], cosines: NDArray[Any], kind: Tie) -> list[Reason]:
    pairs = zip(liked.tolist(), cosines.tolist(), strict=True)
    return [Reason(item_matrix.items[item].key, item_matrix.items[item].title, kind, cosine) for item, cosine in pairs]


def _together(snapshot: Snapshot, liked: NDArray[np.intp], place: int) -> NDArray[np.float64]:
    """Returns the cosines of who liked both; 0 where that is too few to tell from chance."""
    cosines = snapshot.liked.rows(liked, np.array([place]))[:, 0]
    likes = snapshot.popularity.likes
    return np.where(cosines * np.sqrt(likes[liked] * likes[place]) >= _SHARED - 0.5, cosines, 0.0)


def _weight(reason: Reason) -> float:
    """Returns how strong a reason is, on one scale; from 1 on it is worth showing."""
    return reason.similarity / _LEAST[reason.kind]
