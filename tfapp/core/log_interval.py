"""Limits how often the log says the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["LogInterval"]

_SECONDS: Final = 1


class LogInterval:
    """The second after a line of the log in which it is not said again, so that callers cannot fill the log.

    It has no lock: whoever calls it from several threads has one.

    Args:
        ticks: Tells the time, in seconds.
    """

    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._start = float("-inf")

    def begin(self) -> bool:
        """Begins a new interval, unless one goes on; returns whether it did, and a line may be logged."""
        now = self._ticks()
        if now - self._start < _SECONDS:
            return False
        self._start = now
        return True
