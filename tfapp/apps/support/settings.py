"""The settings of a customer service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.apps.shared.settings import ApplicationSettings

__all__ = ["SupportSettings"]


class SupportSettings(ApplicationSettings):
    """The models of a customer service, and the thresholds of answers and hand-overs."""

    embedder: str = Field("minilm-l6", min_length=1, description="The served embedding model.")
    embedder_preset: str | None = Field(
        "minilm-l6", description="What is exported as the embedder where there is none; unset: it is served already."
    )
    intent_model: str = Field(
        "support-intents", min_length=1, description="The served classifier; `support build` trains it by this name."
    )
    intent_training: Literal["head", "few-shot", "none"] = Field(
        "head",
        description="How it is trained: its output layer alone; by contrast, from few texts; none: it is served "
        "already, or there is none.",
    )
    intent_preset: str = Field("minilm-l6", min_length=1, description="What the classifier starts from.")
    retrain_share: float = Field(
        0.05, ge=0, description="It is trained again when questions with an intent have grown by this share."
    )
    tagger: str | None = Field(
        None, min_length=1, description="A served tagging model, whose spans fill the slots of answers."
    )
    ranker: str | None = Field(
        None, min_length=1, description="A served ranking model, which orders what retrieval found."
    )
    intent_threshold: float = Field(
        0.5, ge=0, le=1, description="The least probability at which an intent's answer is given."
    )
    intent_alone: float = Field(
        0.9,
        ge=0,
        description="The probability from which on an intent is believed although the nearest known questions have "
        "another; below it, such a question is handed over.",
    )
    answer_threshold: float = Field(
        0.6, ge=-1, le=1, description="The least cosine to a known question or answer at which that answer is given."
    )
    candidates: int = Field(50, ge=1, description="Texts that each way of searching finds.")
    fusion_constant: int = Field(60, ge=0, description="k of reciprocal rank fusion.")
    words_share: float = Field(
        0.1, ge=0, description="In the order of what was found: what the best match of words counts beside a cosine."
    )
    temperature: float = Field(
        0.04, gt=0, description="There: how much nearer a known question must be to count e times as much as another."
    )
    passages: int = Field(2, ge=1, description="Answers that one answer is put together from, at most.")
    passage_margin: float = Field(
        0.05, ge=0, description="How much farther than the best one a further passage may be, in cosine."
    )
    sentences: int = Field(4, ge=1, description="Sentences of one answer, at most; those nearest to the question stay.")
    agents: tuple[str, ...] = Field(
        ("agent", "assistant", "bot", "support", "operator", "seller"),
        min_length=1,
        description="Conversations: speakers whose turns are answers.",
    )
