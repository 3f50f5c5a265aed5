"""`[export]`: how the model is served."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tfapp.config.settings.base import Settings

__all__ = ["ExportSettings"]


class ExportSettings(Settings):
    """How the model is served."""

    max_length: int | None = Field(
        None, ge=4, description="Longest input of the served model in tokens; unset: as in training."
    )
    encoder: Literal["packed", "plain"] = Field(
        "packed",
        description="packed: a graph made for inference, which computes real tokens only, several times as fast on "
        "processors; plain: the Keras network as it was trained.",
    )
    precision: Literal["float32", "bfloat16", "int8"] = Field(
        "float32",
        description="Of the packed encoder. bfloat16: half the size, faster on processors that multiply it; int8: the "
        "weights are stored in 8 bits, a quarter of the size, and computed in bfloat16.",
    )
    sub_batch_tokens: int = Field(
        400,
        ge=16,
        description="Of the packed encoder: tokens of a request that a thread computes at a time. More are a little "
        "faster on many texts and take more memory, fewer spread over more threads.",
    )
    warmup_requests: int = Field(
        8, ge=1, le=1000, description="Requests that a server runs before it says it is ready."
    )
