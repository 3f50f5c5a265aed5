"""Holds options that the commands of the library and of the applications share, and reads their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeAlias

import typer

from tfapp.errors import SettingsError

__all__ = ["Json", "named_values"]

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]


def named_values(option: str, items: Iterable[str] | None) -> Mapping[str, str]:
    """Reads items NAME=VALUE of an option that may be given several times.

    Raises:
        SettingsError: An item has another form.
    """
    pairs = [item.partition("=") for item in items or ()]
    bad_pair = next((item for item in pairs if not item[0] or not item[1]), None)
    if bad_pair is not None:
        raise SettingsError(f"{option} {''.join(bad_pair)}: expected NAME=VALUE")
    return {name: value for name, _, value in pairs}
