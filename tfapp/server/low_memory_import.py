"""Imports TensorFlow in less memory, for a process that does nothing but serve."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from tfapp.core.tensorflow_import import import_tensorflow
from tfapp.server.malloc import tune_malloc

__all__ = ["import_tensorflow_low_memory"]

# Read by TensorFlow when it first allocates. Its own allocator for oneDNN takes regions, each twice as large as the
# last, and never gives one back: a server that swaps versions keeps the memory of its worst moment.
_SYSTEM_ALLOCATOR: Final = "TF_ONEDNN_USE_SYSTEM_ALLOCATOR"
# What Keras, which TensorFlow imports, imports where it is installed, and no server calls: 110 MB.
_OPTIONAL: Final = ("matplotlib", "PIL", "sklearn")


def import_tensorflow_low_memory() -> None:
    """Imports TensorFlow without its text ops, and without a few packages that Keras can do without."""
    os.environ.setdefault(_SYSTEM_ALLOCATOR, "1")
    tune_malloc()
    with _hide_packages(_OPTIONAL):
        import_tensorflow(text=False)


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
