"""The settings of a recommender."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from tfapp.apps.shared.settings import ApplicationSettings

__all__ = ["RecommendSettings"]


class RecommendSettings(ApplicationSettings):
    """The models of a recommender, the make-up of its lists, and what counts as interest."""

    embedder: str = Field("minilm-l6", min_length=1, description="The served embedding model.")
    embedder_preset: str | None = Field(
        "minilm-l6", description="What is exported as the embedder where there is none; unset: it is served already."
    )
    ranker: str | None = Field(
        None, min_length=1, description="A served ranking model of pairs: what a user liked last, and an item's text."
    )
    paired: int = Field(50, ge=1, description="With a ranker: how many of the best items of a list it scores.")
    view_weight: float = Field(0.5, gt=0, description="What a view counts, where a click counts 1.")
    like_from: float = Field(4.0, description="The rating from which on an item is liked.")
    dislike_below: float = Field(3.0, description="The rating below which an item is disliked.")
    history: int = Field(100, ge=1, description="Items of a user's past that count, the newest.")
    half_life: float = Field(10.0, gt=0, description="Items after which an item of the past counts half.")
    neighbours: int = Field(1000, ge=1, description="Items that are kept as liked together with an item, at most.")
    popular_days: tuple[PositiveFloat, ...] = Field(
        (3.0, 14.0, 60.0), min_length=1, description="Days after which an event counts half for what is popular."
    )
    candidates: int = Field(100, ge=1, description="Items that each way of searching finds for a list.")
    new_places: int = Field(
        1, ge=0, description="Of ten places of a list, those that go to items of which nothing is known but the text."
    )
    diversity: float = Field(
        0.0, ge=0, le=1, description="0: the best items; towards 1: the more unlike each other, the better (MMR)."
    )
    repeat: bool = Field(False, description="Recommend again what a user has seen.")
    reasons: int = Field(2, ge=0, description="Items of the user's past that a suggestion is explained by, at most.")
    negatives: int = Field(50, ge=1, description="Training: items that were not liked, of one list, at most.")
    seed: int = Field(0, ge=0, description="Training: seeds the draws.")

    @model_validator(mode="after")
    def _ratings_in_order(self) -> Self:
        if self.dislike_below > self.like_from:
            raise ValueError(f"dislike_below {self.dislike_below:g} must not be over like_from {self.like_from:g}")
        return self
