"""The definition of an application: its commands for the command line, and its pages for the console."""

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
    """An application's commands and pages; both are imported only when asked for, so that a command starts at once.

    Attributes:
        name: Its name, which is that of its commands and of its usual folder.
        commands: Returns its commands.
        pages: Returns its pages and the session that they show; None: it has none of its own.
    """

    name: str
    commands: Callable[[], typer.Typer]
    pages: Callable[[], WebApplication[Any]] | None = None
