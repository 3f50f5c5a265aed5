"""TensorFlow in less memory, for a process that does nothing but serve."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

from tfapp.quiet import import_tensorflow

__all__ = ["import_lean_tensorflow"]

# What Keras, which TensorFlow imports, imports where it is installed, and no server calls: 110 MB.
_OPTIONAL: Final = ("matplotlib", "PIL", "sklearn")


def import_lean_tensorflow() -> None:
    """Imports TensorFlow, its text ops not among it, as if a few packages that Keras can do without were not there."""
    with _hidden(_OPTIONAL):
        import_tensorflow(text=False)


@contextmanager
def _hidden(packages: Sequence[str]) -> Iterator[None]:
    """Packages that are not imported yet cannot be imported in the block."""
    modules = cast(dict[str, Any], sys.modules)
    absent = [name for name in packages if name not in modules]
    # None is what makes Python say that there is none.
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
