"""`[model]`: which network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["ModelSettings"]


class ModelSettings(Settings):
    """Which network is trained."""

    kind: str = Field("bert", description="Which of the task's networks; bert: a pretrained BERT with a head.")
    preset: str = Field(
        "minilm-l6",
        description="A preset's name, a KerasHub handle, hf://OWNER/NAME, or a KerasHub or Hugging Face BERT's folder.",
    )
    max_length: int = Field(
        128,
        ge=4,
        description="Longest input in tokens, [CLS] and [SEP] included; the rest is cut, in tagging and answering read "
        "in further windows of this length.",
    )
    window: int | None = Field(
        None,
        ge=4,
        description="BERT reads longer texts in windows of at most this many tokens and takes the mean; unset: whole.",
    )
    pooling: Literal["cls", "mean", "max"] | None = Field(
        None,
        description="What the head reads: BERT's pooled [CLS] vector, or the tokens' mean or maximum. An embedding is "
        "the [CLS] token's own vector, the mean or the maximum. Unset: mean for embedding and few-shot, else cls.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate before the output layer.")
    multi_label: bool = Field(False, description="A text may have any number of labels, none included.")
    unknown_share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="With data.unknown_label, and no rows of that label in dev: the share of dev that may be answered "
        "so by mistake.",
    )
    unknown_by: Literal["distance", "energy"] = Field(
        "distance",
        description="With data.unknown_label: what tells that no label fits. distance: how far a text's logits are "
        "from the nearest of those of train; energy: how little any label claims it.",
    )
    temperature: float = Field(
        0.05, gt=0, description="Embedding and few-shot: cosines are divided by it in the loss; lower is sharper."
    )

    @property
    def from_scratch(self) -> bool:
        """Whether nothing of the network is pretrained."""
        return self.kind != "bert"
