"""What a pair model is asked: what a user liked last, with an item's text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tfapp_client import Client

from tfapp.apps.recommend.history import History
from tfapp.apps.recommend.lister import Pairs
from tfapp.apps.recommend.profile import Profile
from tfapp.apps.recommend.shelf import Shelf

__all__ = ["item_text", "liked_text", "pair_scores"]

# Liked items in a query, and characters of each item's text: a BERT reads a few hundred words.
_LIKED: Final = 5
_LONGEST: Final = 300


def liked_text(history: History, shelf: Shelf) -> str:
    """A user's last liked items as one text, newest first; the `query` of the pair model."""
    return " | ".join(shelf.items[place].title for place in history.liked(_LIKED))


def item_text(shelf: Shelf, place: int) -> str:
    """An item's text; the `candidate` of the pair model."""
    return shelf.items[place].text[:_LONGEST]


def pair_scores(connect: Callable[[], Client], model: str, shelf: Shelf) -> Pairs:
    """Asks a served ranking model.

    Args:
        connect: Gives a client.
        model: The model's name.
        shelf: The items.
    """

    def score(profile: Profile, places: NDArray[np.intp]) -> NDArray[np.float64]:
        query = liked_text(profile.history, shelf)
        ranked = connect().rank(model, query, [item_text(shelf, int(place)) for place in places])
        scores = np.zeros(len(places))
        for one in ranked:
            scores[one.place] = one.score
        return scores

    return score
