"""The settings of classification."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tfapp.config import Experiment, ModelSettings, TaskSettings
from tfapp.config.default_search_spaces import class_space
from tfapp.config.label_settings import CLASS_SETTINGS

__all__ = ["SETTINGS", "ClassificationModelSettings"]


class ClassificationModelSettings(ModelSettings):
    """The settings of the network that classifies, and of what it reads of a text."""

    kind: Literal["bert", "lstm"] = Field(
        "bert", description="bert: a pretrained BERT with a head; lstm: a small baseline that starts at random."
    )
    window: int | None = Field(
        None,
        ge=4,
        description="Longer texts are read in windows of at most this many tokens, and averaged; by default whole.",
    )
    embedding_dim: int = Field(64, ge=1, description="The width of the lstm baseline's embedding.")
    lstm_units: int = Field(64, ge=1, description="The width of the lstm baseline's hidden state.")


def _whole_texts(experiment: Experiment) -> str | None:
    distillation, window = experiment.distillation, ClassificationModelSettings.of(experiment.model).window
    if window is None or distillation is None or not distillation.hidden_weight:
        return None
    return (
        "distillation.hidden_weight and model.window exclude each other: vectors are compared over whole texts; set "
        "hidden_weight = 0, or remove window"
    )


SETTINGS: Final = TaskSettings(
    "classification",
    texts=("text",),
    reads=(*CLASS_SETTINGS, "model.temperature"),
    model=ClassificationModelSettings,
    rules=(_whole_texts,),
    fits_head=True,
    few_shot=True,
    search=class_space,
    summary="labels for texts",
)
