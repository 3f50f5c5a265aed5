"""The settings of tagging."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from tfapp.config import DataSettings, Experiment, ModelSettings, TaskSettings
from tfapp.config.default_search_spaces import fine_tuning_space

__all__ = ["SETTINGS", "TaggingDataSettings", "TaggingModelSettings"]


class TaggingDataSettings(DataSettings):
    """The columns of words and their tags, and what becomes of tags that break their scheme."""

    word_column: int = Field(0, description="conll files: the column of the words, counted from 0; -1 is the last one.")
    tag_column: int = Field(
        -1, description="conll files: the column of the tags (IOB1, IOB2 or BIOES), counted in the same way."
    )
    tag_scheme: Literal["auto", "IOB1", "IOB2", "BIOES"] = Field(
        "auto", description="conll files: the scheme of the tags. auto: the one that the fewest words break."
    )
    on_bad_tags: Literal["repair", "drop", "fail"] = Field(
        "repair",
        description="conll files: if tags break their scheme: repair: read their entities as conlleval does; drop the "
        "sentence; or fail.",
    )


class TaggingModelSettings(ModelSettings):
    """The settings of the network that tags the words."""

    decoding: Literal["constrained", "crf", "greedy"] = Field(
        "constrained",
        description="How the tags of a text are chosen. constrained: the best legal sequence; crf: the same, with "
        "learnt transitions between tags; greedy: the best tag of each word.",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="The weights of the tags in the loss: none, or higher for rare tags."
    )
    word_shapes: bool = Field(
        False,
        description="For a preset that reads lower case: tell it which words have capitals, and where.",
    )
    words: Literal["basic", "spaces"] = Field(
        "basic",
        description="What gets a tag. basic: words and punctuation as BERT's basic tokenizer separates them; spaces: "
        "everything between two spaces, for texts with spaces around punctuation.",
    )


def _crf(experiment: Experiment) -> str | None:
    model = TaggingModelSettings.of(experiment.model)
    if model.decoding == "crf" and model.class_weights != "none":
        return "model.class_weights weighs single words, but a crf learns whole texts; set none"
    return None


def _search_space(experiment: Experiment) -> dict[str, Any]:
    return {
        **fine_tuning_space(experiment),
        "training.word_dropout": [0.0, 0.1, 0.2],
        "model.decoding": {"values": ["constrained", "crf"], "when": {"model.class_weights": "none"}},
    }


SETTINGS: Final = TaskSettings(
    "tagging",
    texts=("text",),
    reads=(
        "data.label",
        "data.on_missing_label",
        "data.on_unseen_label",
        "model.dropout",
        "training.word_dropout",
        "training.fgm_epsilon",
    ),
    data=TaggingDataSettings,
    model=TaggingModelSettings,
    rules=(_crf,),
    notes={
        "data.label": "A label is a list of spans with start, end (in characters) and label.",
        "model.max_length": "Longer texts are read in several windows of this length.",
    },
    refusals={
        "training.augment": "its labels are places in the texts, which other texts would not have; "
        "training.word_dropout hides words in their places",
        "training.r_drop_alpha": "it compares one answer per text, and a text has many tags; training.fgm_epsilon "
        "does not",
    },
    search=_search_space,
    summary="spans in texts",
)
