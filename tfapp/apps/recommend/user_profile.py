"""The profile of a user, as a vector among those of the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.user_history import UserHistory

__all__ = ["UserProfile"]


@dataclass(frozen=True)
class UserProfile:
    """A user's interest at a time.

    Attributes:
        history: What the user did.
        wanted: float32[width], of length 1: what the user says to look for; None: nothing was said.
        whole: float32[width], of length 1 or 0: liked items less those disliked, and what is wanted.
        recent: float32[width], of length 1 or 0: the same, newer items counting more.
    """

    history: UserHistory
    wanted: NDArray[np.float32] | None
    whole: NDArray[np.float32]
    recent: NDArray[np.float32]

    @classmethod
    def of(cls, history: UserHistory, item_matrix: ItemMatrix, wanted: NDArray[np.float32] | None = None) -> Self:
        """Makes the profile from a history, a text's vector, or both."""
        vectors = item_matrix.vectors[history.items]
        fading = history.strengths * 0.5 ** (np.arange(len(history))[::-1] / history.half_life)
        whole, recent = _unit(history.strengths @ vectors), _unit(fading @ vectors)
        if wanted is not None:
            # It counts as much as all of the history.
            whole, recent = _unit(whole + wanted), _unit(recent + wanted)
        return cls(history, wanted, whole, recent)


def _unit(vector: NDArray[Any]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    return (vector / length if length > 1e-9 else vector * 0).astype(np.float32)
