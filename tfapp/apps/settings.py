"""How an application's settings are read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from tfapp.overrides import build_settings, read_toml
from tfapp.settings import Settings

__all__ = ["ApplicationSettings", "load_settings"]

S = TypeVar("S", bound=Settings)


class ApplicationSettings(Settings):
    """What every application is told."""

    database: str | None = Field(
        None, description="sqlite:///FILE or postgresql://USER@HOST/NAME; unset: store.sqlite in the home folder."
    )


def load_settings(kind: type[S], file: Path | None = None, overrides: Iterable[str] = ()) -> S:
    """Reads an application's settings.

    Args:
        kind: The settings.
        file: A TOML file; None: the defaults.
        overrides: Items NAME=VALUE.

    Raises:
        SettingsError: The file is missing or no TOML, or a setting breaks its rule; names it.
    """
    values = read_toml(file) if file else {}
    return build_settings(kind, values, overrides, source=str(file or "settings"))
