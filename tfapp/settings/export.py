"""`[export]`: how the model is served."""

from __future__ import annotations

from pydantic import Field

from tfapp.settings.base import Settings

__all__ = ["ExportSettings"]


class ExportSettings(Settings):
    """How the model is served."""

    max_length: int | None = Field(
        None, ge=4, description="Longest input of the served model in tokens; unset: as in training."
    )
    warmup_requests: int = Field(
        8, ge=1, le=1000, description="Requests that a server runs before it says it is ready."
    )
