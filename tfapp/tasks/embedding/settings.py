"""The settings of embedding."""

from __future__ import annotations

from typing import Final

from tfapp.config import Experiment, TaskSettings

__all__ = ["SETTINGS"]


def _adapt(experiment: Experiment) -> str | None:
    if experiment.training.adapt == "head":
        return "training.adapt is head, but an embedding model has no head; use all or lora, or epochs 0 for the preset"
    return None


SETTINGS: Final = TaskSettings(
    "embedding",
    texts=("query", "candidate"),
    reads=("data.group", "data.negative", "model.pooling", "model.temperature", "model.symmetric"),
    rules=(_adapt,),
    pretrained=True,
)
