"""The sections of a settings file that most experiments leave out: of ratings, pretraining and distillation."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["DistillationSettings", "FreshSettings", "MaskingSettings", "RatingSettings", "Settings"]


class Settings(BaseModel):
    """Frozen settings; an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RatingSettings(Settings):
    """Turns a rating into one of the labels negative, neutral and positive."""

    column: str = Field("rating", description="The column that holds the rating, a number.")
    center: float = Field(0.0, description="The rating that is neither good nor bad (3 for one to five stars).")
    neutral_within: float = Field(
        0.5, ge=0, description="Ratings at most this far from the center are neutral, the rest negative or positive."
    )


class MaskingSettings(Settings):
    """Pretraining: what is hidden from the model, and guessed."""

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
    """Pretraining: a BERT that starts from nothing, with a vocabulary made from the texts."""

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


class DistillationSettings(Settings):
    """A finished run whose answers and vectors the model learns to give, beside the labels."""

    teacher: str = Field(description="The teacher's run: runs/NAME, for its newest, or runs/NAME/TIME.")
    layers: int | None = Field(
        None,
        ge=1,
        description="The student is so many layers of the teacher's BERT, evenly chosen; unset: it is model.preset.",
    )
    temperature: float = Field(2.0, gt=0, description="Softens the probabilities of both (Hinton et al. 2015).")
    soft_weight: float = Field(
        0.5, ge=0, le=1, description="Share of the teacher's answers in the loss; the rest is the labels'."
    )
    hidden_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of the distance between the vectors that each of the student's layers and its teacher's "
        "make of a token; needs both to have the same width. 0: the teacher reads each text once only.",
    )
