"""How the workers of a test run share its files."""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadFileScheduling

__all__ = ["SharedServerScheduling"]

# Folders whose fixtures start servers for a whole session, which each worker would start for itself.
_FOLDERS: Final = ("tests/apps/", "tests/client/", "tests/conformance/")


class SharedServerScheduling(LoadFileScheduling):
    """Gives a worker a whole file, of some folders all files."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in _FOLDERS if file.startswith(folder)), file)
