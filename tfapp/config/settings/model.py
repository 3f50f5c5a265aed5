"""Defines the section `[model]`: which network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["ModelSettings"]


class ModelSettings(Settings):
    """The settings of the network that is trained."""

    kind: str = Field("bert", description="The kind of network. bert: a pretrained BERT with a head.")
    preset: str = Field(
        "minilm-l6",
        description="A preset's name, a KerasHub handle, hf://OWNER/NAME, or a KerasHub or Hugging Face BERT's folder.",
    )
    max_length: int = Field(
        128,
        ge=4,
        description="The longest input in tokens, including [CLS] and [SEP]. Longer texts are cut off, "
        "unless they are read in windows.",
    )
    pooling: Literal["cls", "mean", "max"] | None = Field(
        None,
        description="What the head reads: BERT's pooled [CLS] vector, or the tokens' mean or maximum. A vector that is "
        "compared with others is the [CLS] token's own, the mean or the maximum. By default mean where vectors are "
        "compared, as by pair_encoder bi, else cls.",
    )
    pair_encoder: Literal["cross", "bi"] = Field(
        "cross",
        description="How BERT reads a pair of texts. cross: both as one, the most exact with many rows; bi: each for "
        "itself, so that the head compares two vectors, which say something with few rows, too.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout rate before the output layer.")
    multi_label: bool = Field(False, description="Whether a text may have any number of labels, including none.")
    class_balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Rare labels count more in the loss, by the inverse of their texts to this power (after Cui et al. "
        "2019). 0: all texts alike; 1: all labels alike. 0.25 finds more of rare labels at the same accuracy.",
    )
    focal_gamma: float = Field(
        0.0,
        ge=0,
        description="Texts that the model is sure of count less in the loss, by 1 minus the probability of their label "
        "to this power (focal loss, Lin et al. 2017), such as 2. 0: all alike.",
    )
    unknown_share: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="With data.unknown_label: the share of texts of the other labels that may get that answer by "
        "mistake. The limit is fitted on dev; rows of data.unknown_label do not move it.",
    )
    unknown_by: Literal["auto", "distance", "guidance", "boundary", "energy"] = Field(
        "auto",
        description="With data.unknown_label: how to decide that no label fits. auto: by guidance, unless another way "
        "finds significantly more of the rows of that label in dev. distance: by the distance of the "
        "text's logits to the nearest ones of train; guidance: by that distance, divided by the probability of the "
        "label; boundary: by whether they lie in a ball around one of the labels (Zhang et al. 2021); energy: by how "
        "little any label claims the text.",
        json_schema_extra={"former_default": "distance"},
    )
    temperature: float = Field(
        0.05,
        gt=0,
        description="Where vectors are compared, as by pair_encoder bi: the loss divides cosines by this; lower is "
        "sharper.",
    )

    @property
    def from_scratch(self) -> bool:
        """Returns whether nothing of the network is pretrained."""
        return self.kind != "bert"

    @property
    def compares_vectors(self) -> bool:
        """Returns whether the head compares the vectors of two texts."""
        return self.pair_encoder == "bi"
