"""Chooses how an embedding is trained, by its pairs and the preset."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from tfapp.assets.sentence_encoder import SentenceEncoder
from tfapp.config import DataSettings
from tfapp.core.wording import pluralize
from tfapp.data.proposals.proposal import Candidate, Proposal

__all__ = ["choose_embedding"]

_BATCH: Final = 64
_SUB_BATCH: Final = 16
_STEPS: Final = 150
_FEWEST_EPOCHS, _MOST_EPOCHS = 1, 5


def choose_embedding(proposal: Proposal, settings: DataSettings, encoder: SentenceEncoder | None) -> Proposal:
    """Adds the ways to train to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        settings: The shares of the splits.
        encoder: As in `TaskSpec.choose`.
    """
    steps = math.ceil(round(proposal.rows * settings.train_share) / _BATCH)
    epochs = min(max(round(_STEPS / max(steps, 1)), _FEWEST_EPOCHS), _MOST_EPOCHS)
    training = {"epochs": epochs, "batch_size": _BATCH, "sub_batch": _SUB_BATCH, "learning_rate": 2e-4}
    candidate = Candidate(
        "vectors that learn",
        f"{pluralize(epochs, 'epoch')} of about {pluralize(steps, 'step')}, each of which tells {_BATCH} pairs apart; "
        "what the preset's vectors say already is kept if no epoch is better on dev",
        training=training,
    )
    if encoder is None:
        return replace(proposal, training={}, candidates=(candidate,))
    preset = Candidate(
        "the preset's vectors",
        f"the vectors of {encoder.name} may be of use as they are",
        "fast",
        training={"epochs": 0},
    )
    slower_training = {**training, "learning_rate": 5e-5}
    other = Candidate(
        "vectors that learn slowly", "the best rate differs from data to data", "best", training=slower_training
    )
    return replace(proposal, training={}, candidates=(preset, candidate, other))
