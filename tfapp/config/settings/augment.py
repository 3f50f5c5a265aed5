"""Defines the section `[training.augment]`: the changes of train's texts that a network learns to read as well."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["AugmentSettings", "PerturbationKind"]

PerturbationKind = Literal["typos", "case", "full-width", "word-drop", "neighbours"]
"""A way in which a text may be written otherwise; see `tfapp.data.perturbations`."""


class AugmentSettings(Settings):
    """The texts of train that each epoch writes otherwise than they are, and how.

    With a share of 0, none.
    """

    share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The share of train's texts that are changed, other ones and otherwise in each epoch; dev and test "
        "stay as they are. 0: none, whatever kinds there are.",
    )
    kinds: tuple[PerturbationKind, ...] = Field(
        ("typos",),
        min_length=1,
        description="How a text is changed, by one of these: typos; case: all in capitals, in small letters and the "
        "like; full-width: as East Asian input methods write; word-drop: words are missing; neighbours: words are "
        "replaced by words that stand beside the same words in train, which may mean the opposite.",
    )
    word_share: float = Field(
        0.1, gt=0, le=1, description="The share of such a text's words that typos, word-drop and neighbours change."
    )

    def describe(self) -> str:
        """Returns the share of changed texts and the kinds of changes in a few words; empty: none are changed."""
        return f"{100 * self.share:.0f} % of train in each epoch: {', '.join(self.kinds)}" if self.share else ""
