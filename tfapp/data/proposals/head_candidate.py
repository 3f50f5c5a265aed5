"""The candidate that several tasks have: the output layer alone, fitted to the vectors of a frozen BERT."""

from __future__ import annotations

from typing import Final

from tfapp.config import DataSettings
from tfapp.data.proposals.proposal import Candidate

__all__ = ["head_candidate"]

# Fewer rows of dev carry no temperature, and are worth more to the output layer.
_FEWEST_DEV: Final = 100


def head_candidate(rows: int, settings: DataSettings, reason: str) -> Candidate:
    """Returns the candidate that fits the output layer alone, with cross-validation where dev has few rows.

    Args:
        rows: Rows of the file.
        settings: The shares of the splits.
        reason: Why it may be the best.
    """
    dev = rows * settings.dev_share
    few_dev = settings.dev is None and dev < _FEWEST_DEV
    if not few_dev or settings.unknown_label is not None or not (settings.test or settings.test_share):
        return Candidate("output layer alone", reason, "fast", training={"adapt": "head"})
    return Candidate(
        "output layer alone",
        f"{reason}; about {dev:.0f} texts of dev are too few to choose its penalty, so cross-validation chooses it, "
        "and the layer is then fitted to train and dev together",
        "fast",
        training={"adapt": "head", "head_penalty": "cross-validation"},
    )
