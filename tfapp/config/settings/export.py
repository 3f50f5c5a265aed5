"""Defines the section `[export]`: how the model is served."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["ExportSettings"]


class ExportSettings(Settings):
    """The settings of the served model."""

    max_length: int | None = Field(
        None, ge=4, description="The longest input of the served model, in tokens; by default as in training."
    )
    encoder: Literal["packed", "plain"] = Field(
        "packed",
        description="packed: a graph for inference that computes only real tokens, several times as fast on "
        "processors; plain: the Keras network as it was trained.",
    )
    precision: Literal["float32", "bfloat16", "int8", "auto"] = Field(
        "float32",
        description="For the packed encoder. bfloat16: half the size, faster on processors that multiply it; int8: "
        "weights stored in 8 bits, a quarter of the size, and computed in bfloat16; auto: measures all three on the "
        "machine that exports, and takes the fastest that keeps the score on dev.",
    )
    sub_batch_tokens: int = Field(
        400,
        ge=16,
        description="For the packed encoder: how many tokens of a request a thread computes at a time. More tokens "
        "are a little faster with many texts, but take more memory; fewer tokens use more threads.",
    )
    warmup_requests: int = Field(
        8, ge=1, le=1000, description="The number of requests that a server runs before it reports that it is ready."
    )
