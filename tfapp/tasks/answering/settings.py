"""The settings of answering."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from tfapp.config import DataSettings, ModelSettings, TaskSettings

__all__ = ["SETTINGS", "AnsweringDataSettings", "AnsweringModelSettings"]


class AnsweringDataSettings(DataSettings):
    """Where the questions, contexts and answers come from."""

    question: str = Field("question", description="The column of the questions.")
    context: str = Field("context", description="The column of the texts that hold the answers.")
    answer: str = Field(
        "answer",
        description="The column of the answers, words of the context; empty where it does not answer. In "
        "jsonl also a list, or SQuAD's answers.",
    )
    answer_start: str = Field(
        "answer_start",
        description="The column of the place where the answer begins, in characters from 0; may be missing "
        "where the answer stands in its context once.",
    )


class AnsweringModelSettings(ModelSettings):
    """Which network answers, and what it reads of a context."""

    no_answer: bool | None = Field(
        None, description="The model may say that a context does not answer. Unset: if train has such."
    )
    stride: int | None = Field(
        None,
        ge=1,
        description="Tokens from the start of one window of the context to that of the next, at most. "
        "Unset: half a window.",
    )
    max_windows: int = Field(64, ge=1, description="Windows of a context that are read; the rest is cut.")
    max_answer_length: int = Field(30, ge=1, description="Longest answer in tokens.")


SETTINGS: Final = TaskSettings(
    "answering",
    texts=("question", "context"),
    reads=("data.group", "data.on_missing_label", "model.dropout"),
    data=AnsweringDataSettings,
    model=AnsweringModelSettings,
)
