"""Tells sentence encoders, whose vectors are good before any training, from other presets."""

from __future__ import annotations

from dataclasses import dataclass

from tfapp.assets.entries import find
from tfapp.config import ModelSettings

__all__ = ["SentenceEncoder", "find_sentence_encoder"]


@dataclass(frozen=True)
class SentenceEncoder:
    """A preset whose vectors, the means over the tokens, are tried before it has learnt anything.

    Attributes:
        name: The preset.
        known: Whether it was trained with mean pooling, as the catalogue says.
    """

    name: str
    known: bool = True

    @property
    def pooling_note(self) -> str:
        """Returns why the head reads the mean, as a line of a proposal."""
        if self.known:
            return f"pooling: mean, as {self.name} is a sentence encoder, trained with mean pooling"
        return f"pooling: mean, which suits sentence encoders best; nothing is known of {self.name}"


def find_sentence_encoder(preset: str | None = None) -> SentenceEncoder | None:
    """Returns a preset as a sentence encoder; None for one of the catalogue or of KerasHub that is none.

    Args:
        preset: As `model.preset`; None: its default.
    """
    name = preset or ModelSettings.model_fields["preset"].default
    asset = find(name, "preset")
    if asset:
        return SentenceEncoder(asset.name) if asset.sentence_encoder else None
    # KerasHub's own handles are of plain BERTs.
    return None if name.startswith("bert_") else SentenceEncoder(name, known=False)
