"""Reads an application's settings."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeVar

from pydantic import Field, field_validator

from tfapp.config.overrides import build_settings, read_toml
from tfapp.config.settings.base import Settings

__all__ = ["ApplicationSettings", "load_settings"]

S = TypeVar("S", bound=Settings)

# Databases and clocks take no numbers of any size.
_LARGEST: Final = 1_000_000_000_000


class ApplicationSettings(Settings):
    """The settings that all applications have."""

    database: str | None = Field(
        None,
        repr=False,
        description="sqlite:///FILE or postgresql://USER@HOST/NAME; unset: store.sqlite in the home folder.",
    )

    @field_validator("*")
    @classmethod
    def _is_bounded(cls, value: object) -> object:
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)) and abs(number) > _LARGEST:
                raise ValueError(f"must be {_LARGEST:,} at most, got {number!r:.40}")
        return value


def load_settings(kind: type[S], file: Path | None = None, overrides: Iterable[str] = ()) -> S:
    """Reads an application's settings.

    Raises:
        SettingsError: The file is missing or no TOML, or a setting breaks its rule; names it.
    """
    values = read_toml(file) if file else {}
    return build_settings(kind, values, overrides, source=str(file or "settings"))
