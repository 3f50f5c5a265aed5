"""Asks a served classifier about the texts of a pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tfapp_client import Classification, Client

from tfapp.apps.feedback.pools import Pool, Pools, Scored
from tfapp.apps.feedback.uncertainty import entropy, margin

__all__ = ["score_pool"]

# Texts of one call: few enough that the first page need not wait.
_BATCH: Final = 64


def score_pool(
    pools: Pools, pool: Pool, client: Client, version: int, *, go_on: Callable[[int], bool] = lambda _: True
) -> int:
    """Asks about the texts that wait for a label and that this version has not answered; what was asked is kept.

    Args:
        pools: Keeps the answers.
        pool: The pool.
        client: Asks the pool's model.
        version: The version to ask.
        go_on: Told after each call how many texts were asked about; False ends it.

    Returns:
        How many texts were asked about.

    Raises:
        ClientError: The model cannot be asked.
    """
    done = last = 0
    while waiting := pools.unscored(pool, version, _BATCH, after=last):
        answers = client.classify(pool.model, [text for _, text in waiting], version=version)
        scored = [_scored(key, answer) for (key, _), answer in zip(waiting, answers, strict=True)]
        pools.keep_scores(pool, version, scored, labels=_labels(answers), multi_label=answers[0].chosen is not None)
        done, last = done + len(waiting), waiting[-1][0]
        if not go_on(done):
            break
    return done


def _scored(key: int, answer: Classification) -> Scored:
    values, several = list(answer.probabilities.values()), answer.chosen is not None
    return Scored(
        key, answer.label, answer.score, margin(values, multi_label=several), entropy(values, multi_label=several)
    )


def _labels(answers: Sequence[Classification]) -> list[str]:
    return list(answers[0].probabilities)
