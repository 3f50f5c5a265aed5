"""Holds one folder for each task, the definition of a task, the registry in which others find them, and what asks all.

What asks all tasks: `experiments` (their settings), `models` (their networks), `settings_proposal` (what suits a data
file), `playground` with `class_playground` (their forms in the console).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        from tfapp._old_names import missing_name

        raise missing_name(__name__, name)
