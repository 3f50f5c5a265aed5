"""The customer service, as the command line and the console mount it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfapp.apps.shared.application_spec import ApplicationSpec

if TYPE_CHECKING:
    import typer

    from tfapp.web.app_state import WebApplication

__all__ = ["APPLICATION"]


def _commands() -> typer.Typer:
    from tfapp.apps.support.cli import app

    return app


def _pages() -> WebApplication[Any]:
    from tfapp.apps.support.pages import SUPPORT

    return SUPPORT


APPLICATION: Final = ApplicationSpec("support", _commands, _pages)
