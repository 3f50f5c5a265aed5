"""Folders that all workers of one test run share: what is costly to make is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

__all__ = ["SharedFolders"]


class SharedFolders:
    """Folders that tests read only, each made by the worker that first asks for it.

    Args:
        temporary: pytest's; the workers' own folders lie beside each other in one of the run.
        worker: Whether this process is one of several workers.
    """

    def __init__(self, temporary: pytest.TempPathFactory, *, worker: bool) -> None:
        base = temporary.getbasetemp()
        self._root = (base.parent if worker else base) / "shared"
        self._root.mkdir(exist_ok=True)

    def get(self, name: str, make: Callable[[Path], object]) -> Path:
        """Returns the folder of a name.

        Args:
            name: What is in it, as a file name without brackets, which TensorFlow takes for patterns.
            make: Fills the folder, which is there and empty; called by one worker once, or again after it failed.
        """
        folder, marker = self._root / name, self._root / f"{name}.done"
        with filelock.FileLock(self._root / f"{name}.lock"):
            if not marker.exists():
                folder.mkdir()
                make(folder)
                marker.touch()
        return folder
