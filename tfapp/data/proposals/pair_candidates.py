"""Chooses how models of pairs of texts read them and how they are trained, by the rows and the preset.

What was measured: pairs of Banking77's questions and the example of similar support messages, at 200, 1000 and 5000
rows, by MiniLM; `benchmarks/README.md` has the scores.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from tfapp.assets.sentence_encoder import SentenceEncoder
from tfapp.config import DataSettings
from tfapp.core.wording import pluralize
from tfapp.data.proposals.proposal import Candidate, Proposal

__all__ = ["choose_pair_candidates"]

_BATCH: Final = 32
_STEPS: Final = 500
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 10
_FEW_ROWS: Final = 2000


def choose_pair_candidates(proposal: Proposal, settings: DataSettings, encoder: SentenceEncoder | None) -> Proposal:
    """Adds the ways to read and to train to a proposal, with the reasons.

    Args:
        proposal: The settings for the data and for the length of the texts.
        settings: The shares of the splits.
        encoder: The preset, if it is a sentence encoder; else None.
    """
    rows = round(proposal.rows * settings.train_share)
    steps = math.ceil(rows / _BATCH)
    epochs = min(max(round(_STEPS / max(steps, 1)), _FEWEST_EPOCHS), _MOST_EPOCHS)
    training = {"epochs": epochs, "batch_size": _BATCH, "learning_rate": 1e-4, "layer_decay": 0.9}
    training["epoch_tolerance"] = 1.0
    why = f"{pluralize(epochs, 'epoch')} of about {pluralize(steps, 'step')}"
    if encoder is None:
        # The vectors of a plain BERT say little of a text, so both must be read as one.
        return replace(proposal, training=training, notes=(*proposal.notes, f"epochs: {why}"))
    notes = (*proposal.notes, encoder.pooling_note)
    two_vectors = Candidate(
        "vectors compared",
        f"{encoder.name} reads each text for itself, and what its vectors say of two texts needs few rows",
        "fast",
        model={"pair_encoder": "bi"},
        training={"adapt": "head"},
    )
    candidate = Candidate(
        "vectors that learn",
        f"the same first, then all weights trained: {why}",
        model={"pair_encoder": "bi"},
        training={**training, "head_start": "fitted"},
    )
    cross_encoder = Candidate(
        "both texts as one",
        f"words of one text are read beside those of the other, which pays with many rows: {why}",
        "best" if rows < _FEW_ROWS else "good",
        training=training,
    )
    return replace(
        proposal,
        model={**proposal.model, "pooling": "mean"},
        training={},
        notes=notes,
        candidates=(two_vectors, candidate, cross_encoder),
    )
