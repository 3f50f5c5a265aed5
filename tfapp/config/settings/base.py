"""What all sections of a settings file share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """Frozen settings; an unknown name is an error.

    A field with `repr=False` is a secret: neither the settings nor an error shows its value.
    """

    # Traces of errors would have the inputs otherwise.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
