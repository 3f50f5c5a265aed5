"""Scores the texts of a pool by a served classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tfapp_client import Classification, Client

from tfapp.apps.feedback.pools import Pools, ScoredText
from tfapp.apps.feedback.tables import PoolRow
from tfapp.apps.feedback.uncertainty import entropy, margin

__all__ = ["score_pool"]

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
    done = last = 0
    while waiting := pools.unscored(pool, version, _BATCH, after=last):
        answers = client.classify(pool.model, [text for _, text in waiting], version=version)
        answered_texts = [_scored(key, answer) for (key, _), answer in zip(waiting, answers, strict=True)]
        pools.keep_scores(
            pool,
            version,
            answered_texts,
            labels=list(answers[0].probabilities),
            multi_label=answers[0].chosen is not None,
        )
        done, last = done + len(waiting), waiting[-1][0]
        if not go_on(done):
            break
    return done


def _scored(key: int, answer: Classification) -> ScoredText:
    values, several = list(answer.probabilities.values()), answer.chosen is not None
    return ScoredText(
        key, answer.label, answer.score, margin(values, multi_label=several), entropy(values, multi_label=several)
    )
