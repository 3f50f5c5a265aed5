"""Asks a pair model how well an item's text goes with the items that a user liked last."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tfapp_client import Client

from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.list_builder import PairScorer
from tfapp.apps.recommend.user_profile import UserHistory, UserProfile

__all__ = ["item_text", "liked_text", "pair_scores"]

# Liked items in a query, and characters of each item's text: a BERT reads a few hundred words.
_LIKED: Final = 5
_LONGEST: Final = 300


def liked_text(history: UserHistory, item_matrix: ItemMatrix) -> str:
    """Returns a user's last liked items as one text, newest first; the `query` of the pair model."""
    return " | ".join(item_matrix.items[row].title for row in history.liked_items(_LIKED))


def item_text(item_matrix: ItemMatrix, row: int) -> str:
    """Returns an item's text; the `candidate` of the pair model."""
    return item_matrix.items[row].text[:_LONGEST]


def pair_scores(connect: Callable[[], Client], model: str, item_matrix: ItemMatrix) -> PairScorer:
    """Returns a function that asks a served ranking model."""

    def score(profile: UserProfile, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        query = liked_text(profile.history, item_matrix)
        ranking = connect().rank(model, query, [item_text(item_matrix, int(row)) for row in rows])
        scores = np.zeros(len(rows))
        for candidate in ranking:
            scores[candidate.place] = candidate.score
        return scores

    return score
