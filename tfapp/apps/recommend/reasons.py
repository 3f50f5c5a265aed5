"""Explains a suggestion by the items of the user's past that led to it."""

from __future__ import annotations

from typing import Final

import numpy as np

from tfapp.apps.recommend.moment import Moment
from tfapp.apps.recommend.profile import Profile
from tfapp.apps.recommend.suggestion import Reason

__all__ = ["reasons_for"]

# Below these cosines two items have too little to do with each other to say so.
_TEXT: Final = 0.3
_TOGETHER: Final = 0.2


def reasons_for(moment: Moment, profile: Profile, place: int, *, wanted: str, most: int) -> tuple[Reason, ...]:
    """What led to an item: the liked items that it reads like, and those that the same users liked.

    Args:
        moment: What is known of the items.
        profile: What is known of the user.
        place: The item.
        wanted: What the user says to look for, if the profile has it.
        most: Reasons, at most.
    """
    shelf, items = moment.shelf, moment.shelf.items
    liked = profile.history.items[profile.history.strengths > 0]
    texts = shelf.vectors[liked] @ shelf.vectors[place]
    together = moment.liked.rows(liked, np.array([place]))[:, 0] if len(liked) else np.zeros(0)
    found = [
        *((Reason(items[item].key, items[item].title, "text", float(cosine)), cosine / _TEXT)
          for item, cosine in zip(liked, texts, strict=True)),
        *((Reason(items[item].key, items[item].title, "together", float(cosine)), cosine / _TOGETHER)
          for item, cosine in zip(liked, together, strict=True)),
    ]  # fmt: skip
    if profile.wanted is not None:
        cosine = float(profile.wanted @ shelf.vectors[place])
        found.append((Reason(None, wanted, "text", cosine), cosine / _TEXT))
    # Each item once, by the stronger of its two ties.
    chosen: dict[str | None, Reason] = {}
    for reason, weight in sorted(found, key=lambda pair: -pair[1]):
        if weight >= 1:
            chosen.setdefault(reason.item, reason)
    return tuple(chosen.values())[:most]
