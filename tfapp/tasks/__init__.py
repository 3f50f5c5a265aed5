"""Holds one folder for each task, the definition of a task, the registry in which others find them, and what asks all.

What asks all tasks: `experiments` (their settings), `models` (their networks), `settings_proposal` (what suits a data
file), `playground` with `class_playground` (their forms in the console).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfapp._old_names import refuse_old_names

if not TYPE_CHECKING:
    __getattr__ = refuse_old_names(__name__)
