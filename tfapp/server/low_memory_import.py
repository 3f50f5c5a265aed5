"""Imports TensorFlow in less memory, for a process that does nothing but serve."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from tfapp.core.tensorflow_import import import_tensorflow

__all__ = ["import_tensorflow_low_memory"]

# M_ARENA_MAX of mallopt(3).
_ARENA_MAX: Final = -8
# What Keras, which TensorFlow imports, imports where it is installed, and no server calls: 110 MB.
_OPTIONAL: Final = ("matplotlib", "PIL", "sklearn")


def import_tensorflow_low_memory() -> None:
    """Imports TensorFlow without its text ops, and without a few packages that Keras can do without."""
    _limit_arenas(os.cpu_count() or 1)
    with _hide_packages(_OPTIONAL):
        import_tensorflow(text=False)


def _limit_arenas(max_arenas: int) -> None:
    """Limits the number of heaps that glibc's malloc has for all threads.

    It makes eight a core otherwise, and each keeps what one of gRPC's many threads has freed. Other systems' malloc has
    no such limit.
    """
    limit = getattr(ctypes.CDLL(None), "mallopt", None)
    if limit is not None:
        limit(_ARENA_MAX, max(max_arenas, 2))


@contextmanager
def _hide_packages(packages: Sequence[str]) -> Iterator[None]:
    """Hides packages that are not imported yet from imports during the block."""
    modules = cast(dict[str, Any], sys.modules)
    absent = [name for name in packages if name not in modules]
    # None is what makes Python say that there is none.
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
