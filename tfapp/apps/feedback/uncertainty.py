"""Measures how uncertain an answer is, from the probabilities of its labels.

Margin and entropy are those of Settles, Active Learning Literature Survey (2009), section 3.1, turned and scaled so
that 0 is sure and 1 is most uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

__all__ = ["MEASURES", "entropy", "margin"]

MEASURES: Final = ("margin", "entropy")
"""What the least certain texts may be chosen by."""


def margin(probabilities: Sequence[float], *, multi_label: bool = False) -> float:
    """Returns 1 minus the margin of the two likeliest labels; of several labels, how near the nearest is to one half.

    Example:
        >>> margin([0.5, 0.5, 0.0]), margin([1.0, 0.0]), margin([0.99, 0.5], multi_label=True)
        (1.0, 0.0, 1.0)
    """
    values = np.clip(np.asarray(probabilities, dtype=float), 0.0, 1.0)
    if multi_label or len(values) < 2:
        return float(1.0 - np.abs(2 * values - 1).min())
    second, first = np.partition(values, -2)[-2:]
    return float(1.0 - (first - second))


def entropy(probabilities: Sequence[float], *, multi_label: bool = False) -> float:
    """Returns the entropy as a share of its maximum; of several labels, the mean of each one's own.

    Example:
        >>> round(entropy([0.25, 0.25, 0.25, 0.25]), 6), entropy([1.0, 0.0])
        (1.0, 0.0)
    """
    values = np.clip(np.asarray(probabilities, dtype=float), 0.0, 1.0)
    if multi_label or len(values) < 2:
        return float((_bits(values) + _bits(1 - values)).mean())
    return float(_bits(values).sum() / np.log2(len(values)))


def _bits(values: np.ndarray) -> np.ndarray:
    return -values * np.log2(np.where(values > 0, values, 1.0))
