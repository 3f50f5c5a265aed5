"""The recommender, as the command line and the console mount it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfapp.apps.shared.application_spec import ApplicationSpec

if TYPE_CHECKING:
    import typer

    from tfapp.web.app_state import WebApplication

__all__ = ["APPLICATION"]


def _commands() -> typer.Typer:
    from tfapp.apps.recommend.cli import app

    return app


def _pages() -> WebApplication[Any]:
    from tfapp.apps.recommend.pages import RECOMMEND

    return RECOMMEND


APPLICATION: Final = ApplicationSpec("recommend", _commands, _pages)
