"""Options that the applications' commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from tfapp_client.environment_variables import TLS_ROOT, TOKEN

from tfapp.core.command_options import warn_of_secrets
from tfapp.errors import SettingsError

__all__ = [
    "SECRETS_HELP",
    "Encoding",
    "Server",
    "SetItem",
    "SettingsFile",
    "columns_option",
    "needs_applications",
]

SECRETS_HELP = f"{TLS_ROOT} and {TOKEN} are for servers that want them."

Encoding: TypeAlias = Annotated[str, typer.Option(help="The files' text encoding.")]
SettingsFile: TypeAlias = Annotated[Path | None, typer.Option(help="A settings file; it is kept in the folder.")]
Server: TypeAlias = Annotated[
    str | None,
    typer.Option(help=f"HOST:PORT of a model server; by default one is started on the folder's models. {SECRETS_HELP}"),
]
SetItem: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", callback=warn_of_secrets, help="Overrides a setting."),
]


def columns_option(names: str) -> Any:
    """Returns the option `--column` of a command that reads a file with columns of these names."""
    return typer.Option(metavar="NAME=COLUMN", help=f"The columns of {names}; found by name.")


@contextmanager
def needs_applications() -> Iterator[None]:
    """Turns a failed import within the block into an error that says how to install the applications' packages.

    Raises:
        SettingsError: What the applications need is not installed; says how to.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is missing, which the applications need; pip install 'tfapp[apps]'"
        ) from error
