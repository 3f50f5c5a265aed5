"""A cached resource, which is made again when its sources have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, Generic, TypeVar

__all__ = ["CachedResource"]

T = TypeVar("T")
# Seconds between two looks for changes, which others may have made.
_LOOK_SECONDS: Final = 5.0


class CachedResource(Generic[T]):
    """Caches a resource; safe to share between threads.

    Args:
        make: Makes it.
        state: What it depends on; another value, and it is made anew.
        ticks: Tells the time, in seconds.
    """

    def __init__(
        self, make: Callable[[], AbstractContextManager[T]], state: Callable[[], object], ticks: Callable[[], float]
    ) -> None:
        self._make = make
        self._state = state
        self._ticks = ticks
        self._lock = threading.Lock()
        self._held: list[tuple[AbstractContextManager[T], T]] = []
        self._seen: object = None
        self._looked_at = 0.0

    def get(self) -> T:
        """Returns the current resource."""
        with self._lock:
            if not self._held or self._ticks() - self._looked_at > _LOOK_SECONDS:
                state = self._state()
                if not self._held or state != self._seen:
                    self._renew()
                self._seen, self._looked_at = state, self._ticks()
            return self._held[-1][1]

    def look(self) -> None:
        """Looks for changes at the next call."""
        with self._lock:
            self._looked_at = float("-inf")

    def close(self) -> None:
        """Closes the resource."""
        with self._lock:
            while self._held:
                self._held.pop()[0].__exit__(None, None, None)

    def _renew(self) -> None:
        context = self._make()
        self._held.append((context, context.__enter__()))
        # Somebody may still use the last one; the one before is as old as two changes.
        if len(self._held) > 2:
            self._held.pop(0)[0].__exit__(None, None, None)
