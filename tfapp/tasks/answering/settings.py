"""The settings of answering."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from tfapp.config import DataSettings, Experiment, ModelSettings, TaskSettings
from tfapp.config.default_search_spaces import fine_tuning_space

__all__ = ["SETTINGS", "AnsweringDataSettings", "AnsweringModelSettings"]


class AnsweringDataSettings(DataSettings):
    """The columns of questions, contexts and answers."""

    question: str = Field("question", description="The column of the questions.")
    context: str = Field("context", description="The column of the texts that hold the answers.")
    answer: str = Field(
        "answer",
        description="The column of the answers, which are words of the context, or empty if the context does not "
        "answer. In jsonl also a list, or SQuAD's answers.",
    )
    answer_start: str = Field(
        "answer_start",
        description="The column of the position where the answer begins, in characters from 0; not needed if the "
        "answer occurs in its context only once.",
    )


class AnsweringModelSettings(ModelSettings):
    """The settings of the network that answers, and of what it reads of a context."""

    no_answer: bool | None = Field(
        None, description="The model may say that a context has no answer. By default, if train has such questions."
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="The most tokens from the start of one window of the context to the start of the next. By default "
        "half a window.",
    )
    max_windows: int = Field(64, ge=1, description="How many windows of a context are read; the rest is cut off.")
    max_answer_length: int = Field(30, ge=1, description="The longest answer, in tokens.")


def _search_space(experiment: Experiment) -> dict[str, Any]:
    return {**fine_tuning_space(experiment), "model.dropout": {"low": 0.0, "high": 0.3}}


SETTINGS: Final = TaskSettings(
    "answering",
    texts=("question", "context"),
    reads=("data.group", "data.on_missing_label", "model.dropout", "training.calibrate", "training.fgm_epsilon"),
    data=AnsweringDataSettings,
    model=AnsweringModelSettings,
    notes={
        "data.group": "Rows without a group are grouped by their context.",
        "model.max_length": "Longer contexts are read in several windows of this length.",
    },
    refusals={
        "training.augment": "its answers are words of the contexts, which other contexts would not have",
        "training.r_drop_alpha": "it compares one answer per text, and texts are read in windows; training.fgm_epsilon "
        "does not",
    },
    search=_search_space,
    summary="answers to questions, from contexts",
)
