"""Chooses how a regressor of texts reads them and how it is trained, by the rows and the preset."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tfapp.assets.sentence_encoder import SentenceEncoder
from tfapp.config import DataSettings
from tfapp.data.proposals.head_candidate import head_candidate
from tfapp.data.proposals.proposal import Candidate, Proposal

__all__ = ["choose_regression"]

_STEADIER: Final = {"layer_decay": 0.9, "epoch_tolerance": 1.0}


def choose_regression(proposal: Proposal, settings: DataSettings, encoder: SentenceEncoder | None) -> Proposal:
    """Adds the ways to train to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        settings: The shares of the splits.
        encoder: As in `TaskSpec.choose`.
    """
    fine_tuning = Candidate(
        "all weights",
        "vectors that learn from the numbers say more, where there are enough rows",
        training={**proposal.training, **_STEADIER},
    )
    if encoder is None:
        return replace(proposal, training={}, candidates=(fine_tuning,))
    head = head_candidate(
        proposal.rows, settings, "a linear function of the pretrained vectors, which few rows cannot spoil"
    )
    return replace(
        proposal,
        model={**proposal.model, "pooling": "mean"},
        training={},
        notes=(*proposal.notes, encoder.pooling_note),
        candidates=(head, fine_tuning),
    )
