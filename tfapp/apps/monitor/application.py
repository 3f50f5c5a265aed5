"""The monitor of texts, as the command line and the console mount it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfapp.apps.shared.application_spec import ApplicationSpec

if TYPE_CHECKING:
    import typer

    from tfapp.web.app_state import WebApplication

__all__ = ["APPLICATION"]


def _commands() -> typer.Typer:
    from tfapp.apps.monitor.cli import app

    return app


def _pages() -> WebApplication[Any]:
    from tfapp.apps.monitor.pages import MONITOR

    return MONITOR


APPLICATION: Final = ApplicationSpec("monitor", _commands, _pages)
