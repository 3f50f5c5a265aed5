"""The progress of what takes a while, as the code that does it tells it; `progress_bar.py` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias, TypeVar

__all__ = ["Advance", "OnProgress", "ShowProgress", "track"]

T = TypeVar("T")

OnProgress: TypeAlias = Callable[[int, int | None], None]
"""Is told the number of rows or bytes done so far, and of all of them where it is known."""

_ROWS_A_MOVE = 500


class Advance(Protocol):
    """Is told how far a piece of work is: `advance(count, total, note)`; counts are cumulative."""

    def __call__(self, count: int, total: int | None = None, note: str = "") -> None:
        """Shows the counts."""


class ShowProgress(Protocol):
    """Shows a piece of work while a block runs, as `tfapp.core.progress_bar.progress` does."""

    def __call__(self, description: str, unit: str = "", *, quiet: bool = False) -> AbstractContextManager[Advance]:
        """Returns a context manager of the function that is told how far the work is.

        Args:
            description: What is being done.
            unit: The counted thing's name; "bytes" stands for sizes.
            quiet: Show nothing.
        """


def track(rows: Iterable[T], advance: Advance) -> Iterator[T]:
    """Yields the same rows; `advance` is told as they are taken, every few hundred."""
    for number, row in enumerate(rows, start=1):
        if not number % _ROWS_A_MOVE:
            advance(number)
        yield row
