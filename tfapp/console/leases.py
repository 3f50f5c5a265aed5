"""Leases of texts, so that two people are not shown the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Leases"]


class Leases:
    """Leases things to people for a while.

    Args:
        ticks: Tells the time, in seconds.
        seconds: How long something is lent.
    """

    def __init__(self, ticks: Callable[[], float], seconds: float = 120.0) -> None:
        self._ticks = ticks
        self._seconds = seconds
        self._lent: dict[tuple[str, int], tuple[str, float]] = {}
        self._lock = threading.Lock()

    def others(self, of: str, who: str) -> set[int]:
        """Returns what others hold a lease of."""
        with self._lock:
            now = self._ticks()
            self._lent = {key: lent for key, lent in self._lent.items() if lent[1] > now}
            return {number for (thing, number), (holder, _) in self._lent.items() if thing == of and holder != who}

    def take(self, of: str, number: int, who: str) -> None:
        """Leases something to a person, whose earlier lease ends."""
        with self._lock:
            others = {key: lent for key, lent in self._lent.items() if key[0] != of or lent[0] != who}
            self._lent = {**others, (of, number): (who, self._ticks() + self._seconds)}
