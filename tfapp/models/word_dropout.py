"""Hides word pieces of texts at random: "word dropout", with which models learn from texts with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["drop_words", "ordinary_pieces"]

_SPECIAL: Final = frozenset({"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})


def drop_words(
    ids: NDArray[np.int32], vocabulary: Sequence[str], share: float, random: np.random.Generator
) -> NDArray[np.int32]:
    """Hides word pieces as [MASK] (or [UNK], where there is no such), each with the same chance.

    Args:
        ids: Token ids int32[T], each with any multiple of the vocabulary's size added, which stays.
        vocabulary: The word pieces in the order of their ids.
        share: The chance.
        random: Draws.
    """
    mask = vocabulary.index("[MASK]" if "[MASK]" in vocabulary else "[UNK]")
    pieces = ids % len(vocabulary)
    hidden = (random.random(len(ids)) < share) & ordinary_pieces(vocabulary)[pieces]
    return np.where(hidden, ids - pieces + mask, ids).astype(np.int32)


def ordinary_pieces(vocabulary: Sequence[str]) -> NDArray[np.bool_]:
    """Returns which word pieces are no special tokens, in the order of their ids."""
    return np.array([piece not in _SPECIAL for piece in vocabulary])
