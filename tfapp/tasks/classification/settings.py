"""The settings of classification."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tfapp.config import ModelSettings, TaskSettings
from tfapp.tasks.shared.class_settings import CLASS_SETTINGS
from tfapp.tasks.shared.search_spaces import class_space

__all__ = ["SETTINGS", "ClassificationModelSettings"]


class ClassificationModelSettings(ModelSettings):
    """The settings of the network that classifies."""

    kind: Literal["bert", "lstm"] = Field(
        "bert", description="bert: a pretrained BERT with a head; lstm: a small baseline that starts at random."
    )
    embedding_dim: int = Field(64, ge=1, description="The width of the lstm baseline's embedding.")
    lstm_units: int = Field(64, ge=1, description="The width of the lstm baseline's hidden state.")


SETTINGS: Final = TaskSettings(
    "classification",
    texts=("text",),
    reads=(*CLASS_SETTINGS, "model.window", "model.temperature"),
    model=ClassificationModelSettings,
    fits_head=True,
    few_shot=True,
    search=class_space,
    summary="labels for texts",
)
