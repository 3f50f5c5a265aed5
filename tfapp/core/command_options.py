"""Holds options that the commands of the library and of the applications share, and reads their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeAlias

import typer

from tfapp.core.terminal import complain
from tfapp.errors import SettingsError

__all__ = ["Json", "named_values", "warn_of_secrets"]

# A password within an address, and a value whose name ends as those of secrets do.
_SECRET: Final = re.compile(r"://[^/?#@:]*:[^?#@]+@|(?:password|token)=.", re.IGNORECASE)

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


def warn_of_secrets(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """Prints a line if an option's value, on the command line, has a password or token; to be the option's callback."""
    source = context.get_parameter_source(option.name or "")
    if source is not None and source.name == "COMMANDLINE":
        values = [value] if isinstance(value, str) else value or ()
        if any(_SECRET.search(text) for text in values):
            complain(
                f"warning: {option.opts[0]} has a password or token, which other users of this machine can see in the "
                "list of processes; SECURITY.md says where else it may be"
            )
    return value
