"""`[training.augment]`: the changes of train's texts that a network learns to read as well."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["AugmentSettings", "PerturbationKind"]

PerturbationKind = Literal["typos", "case", "full-width", "word-drop", "neighbours"]
"""A way in which a text may be written otherwise; see `tfapp.data.perturbations`."""


class AugmentSettings(Settings):
    """Texts of train that each epoch writes otherwise than the one before."""

    kinds: tuple[PerturbationKind, ...] = Field(
        ("typos",),
        min_length=1,
        description="How a text is changed, by one of these: typos; case: all in capitals, in small letters and the "
        "like; full-width: as East Asian input methods write; word-drop: words are missing; neighbours: words are "
        "replaced by words that stand beside the same words in train, which may mean the opposite.",
    )
    share: float = Field(0.5, gt=0, le=1, description="The share of train's texts that each epoch changes.")
    word_share: float = Field(
        0.1, gt=0, le=1, description="The share of such a text's words that typos, word-drop and neighbours change."
    )
