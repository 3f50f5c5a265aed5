"""Tells presets whose vectors say what a text means from those that must be trained to."""

from __future__ import annotations

from tfapp import assets
from tfapp.config import ModelSettings

__all__ = ["sentence_encoder"]


def sentence_encoder(preset: str | None = None) -> str | None:
    """Returns a preset's name if it was trained to be read by the mean of its token vectors, else None.

    Args:
        preset: As `model.preset`; None: its default. Nothing is known of those that are no assets.
    """
    known = assets.find(preset or ModelSettings.model_fields["preset"].default, "preset")
    return known.name if known and known.sentence_encoder else None
