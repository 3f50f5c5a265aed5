"""The feedback, as the command line and the console mount it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfapp.apps.shared.application_spec import ApplicationSpec

if TYPE_CHECKING:
    import typer

__all__ = ["APPLICATION"]


def _commands() -> typer.Typer:
    from tfapp.apps.feedback.cli import app

    return app


APPLICATION: Final = ApplicationSpec("feedback", _commands)
