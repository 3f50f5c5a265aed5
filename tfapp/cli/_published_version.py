"""Prints which version callers get once a version is published, and the command that comes next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp.core import terminal

if TYPE_CHECKING:
    from tfapp.workflows.version_catalogue import CallerVersions

__all__ = ["PublishedVersion"]


@dataclass(frozen=True)
class PublishedVersion:
    """A version that was just published, and which version the callers of its model get now.

    Attributes:
        path: Its folder.
        models: The models folder.
        callers: Which version callers get; None: the model config file cannot be read.
    """

    path: Path
    models: Path
    callers: CallerVersions | None

    @classmethod
    def look_up(cls, path: Path, models: Path) -> PublishedVersion:
        """Looks up which version callers get; prints a line that says why, where the model config file is malformed."""
        from tfapp.errors import SettingsError
        from tfapp.workflows import version_catalogue

        try:
            return cls(path, models, version_catalogue.caller_versions(path.parent.name, models=models))
        except SettingsError as error:
            terminal.error_console().print(f"published, but {error}", soft_wrap=True)
            return cls(path, models, None)

    @property
    def note(self) -> str:
        """Returns that servers do not load it, and why; empty: they do, as far as is known."""
        if self.callers is None or int(self.path.name) in self.callers.loaded:
            return ""
        return "No label names it, so servers do not load it."

    @property
    def next_command(self) -> str:
        """Returns the command that comes next: serve it, or promote it where servers would not load it."""
        from tfapp.registry.unlabelled_versions import promote_command

        if not self.note:
            return f"tfapp serve {self.models}"
        return promote_command(self.path.parent.name, int(self.path.name), self.models)

    def print_callers(self) -> None:
        """Prints which version callers get, where that is known."""
        from tfapp.cli._model_tables import print_callers

        if self.callers:
            print_callers(self.callers)

    @property
    def callers_json(self) -> dict[str, Any] | None:
        """Returns which version callers get, as JSON has it."""
        return self.callers.to_dict() if self.callers else None
