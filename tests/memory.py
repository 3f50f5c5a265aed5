"""Measures the memory of a process."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["resident_megabytes"]


def resident_megabytes(process: int | str = "self") -> float:
    """The resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
