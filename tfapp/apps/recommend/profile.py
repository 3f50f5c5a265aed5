"""What a user is looking for, as a vector among those of the items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tfapp.apps.recommend.history import History
from tfapp.apps.recommend.shelf import Shelf

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """A user's interest at a moment.

    Attributes:
        history: What the user did.
        wanted: float32[width], of length 1: what the user says to look for; None: nothing was said.
        whole: float32[width], of length 1 or 0: liked items less those disliked, and what is wanted.
        recent: float32[width], of length 1 or 0: the same, newer items counting more.
    """

    history: History
    wanted: NDArray[np.float32] | None
    whole: NDArray[np.float32]
    recent: NDArray[np.float32]

    @classmethod
    def of(cls, history: History, shelf: Shelf, wanted: NDArray[np.float32] | None = None) -> Self:
        """From a history, a text's vector, or both."""
        vectors = shelf.vectors[history.items]
        fading = history.strengths * 0.5 ** (np.arange(len(history))[::-1] / history.half_life)
        whole, recent = _unit(history.strengths @ vectors), _unit(fading @ vectors)
        if wanted is not None:
            # It counts as much as all of the history.
            whole, recent = _unit(whole + wanted), _unit(recent + wanted)
        return cls(history, wanted, whole, recent)


def _unit(vector: NDArray[Any]) -> NDArray[np.float32]:
    length = np.linalg.norm(vector)
    return (vector / length if length > 1e-9 else vector * 0).astype(np.float32)
