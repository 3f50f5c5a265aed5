"""Explains a suggestion by the items of the user's past that led to it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.moment import Moment
from tfapp.apps.recommend.profile import Profile
from tfapp.apps.recommend.shelf import Shelf
from tfapp.apps.recommend.suggestion import Reason, Tie

__all__ = ["reasons_for"]

# Below these cosines two items have too little to do with each other to say so.
_LEAST: Final = {"text": 0.3, "together": 0.2}
# Users who liked both, at least.
_SHARED: Final = 3


def reasons_for(moment: Moment, profile: Profile, place: int, *, wanted: str, most: int) -> tuple[Reason, ...]:
    """What led to an item: the liked items that it reads like, and those that the same users liked.

    Args:
        moment: What is known of the items.
        profile: What is known of the user.
        place: The item.
        wanted: What the user says to look for, if the profile has it.
        most: Reasons, at most.
    """
    shelf = moment.shelf
    liked = profile.history.items[profile.history.strengths > 0]
    found = [
        *_ties(shelf, liked, shelf.vectors[liked] @ shelf.vectors[place], "text"),
        *_ties(shelf, liked, _together(moment, liked, place), "together"),
    ]
    if profile.wanted is not None:
        found.append(Reason(None, wanted, "text", float(profile.wanted @ shelf.vectors[place])))
    # Each item once, by the stronger of its two ties.
    chosen: dict[str | None, Reason] = {}
    for reason in sorted(found, key=_weight, reverse=True):
        if _weight(reason) >= 1:
            chosen.setdefault(reason.item, reason)
    return tuple(chosen.values())[:most]


def _ties(shelf: Shelf, liked: NDArray[np.intp], cosines: NDArray[Any], kind: Tie) -> list[Reason]:
    pairs = zip(liked.tolist(), cosines.tolist(), strict=True)
    return [Reason(shelf.items[item].key, shelf.items[item].title, kind, cosine) for item, cosine in pairs]


def _together(moment: Moment, liked: NDArray[np.intp], place: int) -> NDArray[np.float64]:
    """The cosines of who liked both; 0 where that is too few to tell from chance."""
    cosines = moment.liked.rows(liked, np.array([place]))[:, 0]
    likes = moment.popularity.likes
    return np.where(cosines * np.sqrt(likes[liked] * likes[place]) >= _SHARED - 0.5, cosines, 0.0)


def _weight(reason: Reason) -> float:
    """How strong a tie is, on one scale; from 1 on it is worth saying."""
    return reason.similarity / _LEAST[reason.kind]
