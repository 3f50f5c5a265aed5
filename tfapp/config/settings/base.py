"""Defines the base class of all sections of a settings file."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """Frozen settings; an unknown name is an error.

    A field with `repr=False` is a secret: neither the settings nor an error shows its value.
    """

    # Traces of errors would have the inputs otherwise.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Converts settings to this class; fields that they lack get its defaults."""
        return settings if isinstance(settings, cls) else cls.model_validate(settings.model_dump(exclude_unset=True))
