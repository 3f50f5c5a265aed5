"""The definition of an application: what its folder offers to the command line and to the console."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

    from tfapp.web.app_state import WebApplication

__all__ = ["ApplicationSpec"]


@dataclass(frozen=True)
class ApplicationSpec:
    """An application; both functions import what they return when they are called, so that a command starts at once.

    Attributes:
        name: Its name, which is that of its commands and of its usual folder.
        commands: Returns its commands.
        pages: Returns its pages and the session that they show; None: it has none of its own.
    """

    name: str
    commands: Callable[[], typer.Typer]
    pages: Callable[[], WebApplication[Any]] | None = None
