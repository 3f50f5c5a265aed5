"""Tunes glibc's malloc for a server; other systems' malloc stays as it is."""

from __future__ import annotations

import ctypes
import os
from typing import Final

__all__ = ["release_memory", "tune_malloc"]

# Parameters of mallopt(3).
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
_MEBIBYTE: Final = 1 << 20


def tune_malloc() -> None:
    """Has malloc keep the memory that calls take again and again, for the whole process, from few heaps.

    It would make eight heaps a core, and each would keep what one of gRPC's many threads has freed. It would also take
    what a batch needs from the system and give it back with each batch, which costs a seventh of the throughput;
    instead `release_memory` gives it back when there is less to serve.
    """
    set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_parameter is None:
        return
    set_parameter(_ARENA_MAX, max(os.cpu_count() or 1, 2))
    # The highest that it takes.
    set_parameter(_MMAP_THRESHOLD, 32 * _MEBIBYTE)
    set_parameter(_TRIM_THRESHOLD, 256 * _MEBIBYTE)


def release_memory() -> None:
    """Gives the pages that malloc holds free back to the system, those between what is in use included."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
