"""Holds one folder for each task, the definition of a task, and the registry in which others find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from tfapp._old_names import missing_name

        raise missing_name(__name__, name)
