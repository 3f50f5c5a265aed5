"""The settings of tagging."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from tfapp.config import Experiment, ModelSettings, TaskSettings

__all__ = ["SETTINGS", "TaggingModelSettings"]


class TaggingModelSettings(ModelSettings):
    """Which network tags the words, and how."""

    decoding: Literal["constrained", "crf", "greedy"] = Field(
        "constrained",
        description="How a text's tags are chosen. constrained: the best sequence that is legal; crf: the "
        "same, and what follows what is learnt too; greedy: each word's best tag.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="The loss counts words alike, or each tag's words by how rare the tag is."
    )
    word_shapes: bool = Field(
        False,
        description="By a preset that reads lower case: it is told which words have capitals, and where.",
    )
    words: Literal["basic", "spaces"] = Field(
        "basic",
        description="What has a tag. basic: words and signs as BERT's basic tokenizer sets them apart; "
        "spaces: what stands between two spaces, for texts whose signs have spaces around them.",
    )


def _crf(experiment: Experiment) -> str | None:
    model = TaggingModelSettings.of(experiment.model)
    if model.decoding == "crf" and model.class_weights != "none":
        return "model.class_weights weighs single words, but a crf learns whole texts; set none"
    return None


SETTINGS: Final = TaskSettings(
    "tagging",
    texts=("text",),
    reads=(
        "data.label",
        "data.on_missing_label",
        "data.on_unseen_label",
        "data.word_column",
        "data.tag_column",
        "model.dropout",
        "training.word_dropout",
    ),
    model=TaggingModelSettings,
    rules=(_crf,),
)
