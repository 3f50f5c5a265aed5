"""The settings of embedding."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from tfapp.config import DataSettings, Experiment, ModelSettings, TaskSettings
from tfapp.config.default_search_spaces import fine_tuning_space

__all__ = ["SETTINGS", "EmbeddingDataSettings", "EmbeddingModelSettings"]


class EmbeddingDataSettings(DataSettings):
    """The columns of the pairs of texts."""

    negative: str | None = Field(
        None,
        min_length=1,
        description="The column of a text that looks as if it fits the query, but does not; may be empty.",
    )


class EmbeddingModelSettings(ModelSettings):
    """The settings of the network that makes vectors, and of how it learns to."""

    symmetric: bool = Field(
        False, description="Each candidate must find its query, too, not only each query its candidate."
    )


def _adapt(experiment: Experiment) -> str | None:
    if experiment.training.adapt == "head":
        return "training.adapt is head, but an embedding model has no head; use all or lora, or epochs 0 for the preset"
    return None


def _search_space(experiment: Experiment) -> dict[str, Any]:
    return {**fine_tuning_space(experiment), "model.temperature": {"low": 0.02, "high": 0.1, "log": True}}


_COMPARED: Final = "its loss compares the texts of a batch with each other, not each with a label"
SETTINGS: Final = TaskSettings(
    "embedding",
    texts=("query", "candidate"),
    reads=("data.group", "model.pooling", "model.temperature"),
    data=EmbeddingDataSettings,
    model=EmbeddingModelSettings,
    rules=(_adapt,),
    pretrained=True,
    notes={
        "data.group": "Rows without a group are grouped by their query.",
        "training.batch_size": "Each pair is compared with the others of its batch.",
    },
    refusals={
        "training.fgm_epsilon": _COMPARED,
        "training.r_drop_alpha": _COMPARED,
        "training.augment": "it tells by their tokens which texts of a batch are the same, and would push a text away "
        "from its changed copy; write changed copies into the data, as pairs with their texts",
    },
    search=_search_space,
    summary="vectors of texts",
)
