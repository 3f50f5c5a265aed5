"""Scores the texts of a pool with a served classifier, and measures how uncertain its answers are.

Margin and entropy are those of Settles, Active Learning Literature Survey (2009), section 3.1, turned and scaled so
that 0 is sure and 1 is most uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from tfapp_client import Classification, Client

from tfapp.apps.feedback.pools import Pools, ScoredText
from tfapp.apps.feedback.tables import PoolRow

__all__ = ["MEASURES", "entropy", "margin", "score_pool"]

MEASURES: Final = ("margin", "entropy")
"""The measures by which the least certain texts may be chosen."""

# Texts of one call: few enough that the first page need not wait.
_BATCH: Final = 64


def score_pool(
    pools: Pools, pool: PoolRow, client: Client, version: int, *, go_on: Callable[[int], bool] = lambda _: True
) -> int:
    """Scores the texts that wait for a label and for this version's answer, and stores the answers.

    `go_on` is told after each call how many texts were asked about; False ends it.

    Returns:
        How many texts were asked about.

    Raises:
        ClientError: The model cannot be asked.
    """
    count = last = 0
    while texts := pools.texts_to_score(pool, version, _BATCH, after=last):
        answers = client.classify(pool.model, [text for _, text in texts], version=version)
        answered_texts = [_score_text(key, answer) for (key, _), answer in zip(texts, answers, strict=True)]
        pools.keep_scores(
            pool,
            version,
            answered_texts,
            labels=list(answers[0].probabilities),
            multi_label=answers[0].chosen is not None,
        )
        count, last = count + len(texts), texts[-1][0]
        if not go_on(count):
            break
    return count


def _score_text(key: int, answer: Classification) -> ScoredText:
    values, several = list(answer.probabilities.values()), answer.chosen is not None
    return ScoredText(
        key, answer.label, answer.score, margin(values, multi_label=several), entropy(values, multi_label=several)
    )


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
