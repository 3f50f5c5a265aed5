"""The settings of pretraining."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, model_validator

from tfapp.config import Experiment, ModelSettings, Settings, TaskSettings

__all__ = ["SETTINGS", "FreshSettings", "MaskingSettings", "PretrainingModelSettings"]


class MaskingSettings(Settings):
    """What is hidden from the model, and guessed."""

    share: float = Field(
        0.15, gt=0, lt=1, description="Share of the tokens that are guessed; of them 80 % are masked, 10 % replaced."
    )
    whole_words: bool = Field(
        True, description="Hide all pieces of a word or none: a piece beside the rest of its word is too easy to guess."
    )
    pack: bool = Field(
        True, description="Texts follow one another up to max_length tokens, [SEP] between; false: each for itself."
    )


class FreshSettings(Settings):
    """A BERT that starts from nothing, with a vocabulary made from the texts."""

    vocabulary_size: int = Field(8192, ge=8, description="Word pieces, special tokens included.")
    lowercase: bool = Field(True, description="Lower the texts and strip their accents.")
    layers: int = Field(6, ge=1, description="Transformer layers.")
    width: int = Field(256, ge=8, description="Width of a token's vector; a multiple of heads.")
    heads: int = Field(4, ge=1, description="Attention heads.")
    feedforward: int | None = Field(None, ge=8, description="Width inside a layer; unset: four times width.")
    positions: int = Field(512, ge=8, description="Longest input in tokens that it can ever read.")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got {self.width} and {self.heads}")
        return self


class PretrainingModelSettings(ModelSettings):
    """Which network learns the language, and from what it starts."""

    masking: MaskingSettings = MaskingSettings()
    fresh: FreshSettings | None = Field(None, description="Start from nothing instead of from preset.")

    @property
    def from_scratch(self) -> bool:
        """See `ModelSettings`."""
        return self.fresh is not None


def _adapt(experiment: Experiment) -> str | None:
    adapt = experiment.training.adapt
    return f"training.adapt is {adapt}, but pretraining changes every weight; use adapt all" if adapt != "all" else None


def _positions(experiment: Experiment) -> str | None:
    model = PretrainingModelSettings.of(experiment.model)
    if model.fresh and model.fresh.positions < model.max_length:
        return (
            f"model.max_length is {model.max_length}, but model.fresh.positions {model.fresh.positions}; "
            "a BERT reads no more tokens than it has positions"
        )
    return None


SETTINGS: Final = TaskSettings(
    "pretraining", texts=("text",), model=PretrainingModelSettings, rules=(_adapt, _positions)
)
