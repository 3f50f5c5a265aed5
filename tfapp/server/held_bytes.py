"""The bytes that callers hold in memory, and who gives them up where they are too many."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from tfapp.core.log_interval import LogInterval

__all__ = ["HeldBytes", "Holding"]

_log = logging.getLogger(__name__)

# So long a holding is left alone in any case: callers who go on are not cut for those who do not.
_LEAST_SECONDS: Final = 1.0
# What grows by so many bytes, and by this part of itself, is as good as new.
_STEP: Final = 65_536
_PART: Final = 64


@dataclass(eq=False, slots=True)
class Holding:
    """The bytes that one call holds.

    Attributes:
        caller: Whose they are.
        size: How many.
        since: When they came, or were as good as new, by the clock of `HeldBytes`.
        mark: How many they were then.
        cancel: Ends the call.
        is_safe: Whether the call is not to be ended.
    """

    caller: str
    size: int
    since: float
    mark: int
    cancel: Callable[[], object]
    is_safe: bool = False


class HeldBytes:
    """The holdings of all callers, the one that has been there or has not grown for longest first.

    Its user has the lock.

    Args:
        warning: A line for the log, with %d for the number of calls that were ended and %s for the caller of the first.
        clock: Tells the time, in seconds.

    Attributes:
        size: The bytes of all of them.
    """

    def __init__(self, warning: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._warning = warning
        self._clock = clock
        self._holdings: dict[Holding, None] = {}
        self._by_caller: Counter[str] = Counter()
        self._log_interval = LogInterval(clock)
        self.size = 0

    def __contains__(self, holding: Holding) -> bool:
        """Returns whether a holding is still there."""
        return holding in self._holdings

    def add(self, caller: str, size: int, cancel: Callable[[], object]) -> Holding:
        """Adds a new holding."""
        holding = Holding(caller, size, self._clock(), size if size >= _STEP else 0, cancel)
        self._holdings[holding] = None
        self.size += size
        self._by_caller[caller] += size
        return holding

    def change(self, holding: Holding, size: int) -> None:
        """Adds bytes to a holding, or takes them off."""
        holding.size += size
        self.size += size
        self._by_caller[holding.caller] += size
        if not self._by_caller[holding.caller]:
            del self._by_caller[holding.caller]
        if holding.size - holding.mark >= max(_STEP, holding.mark // _PART):
            holding.since, holding.mark = self._clock(), holding.size
            del self._holdings[holding]
            self._holdings[holding] = None

    def discard(self, holding: Holding) -> None:
        """Removes a holding, if it is still there."""
        if holding in self._holdings:
            self.change(holding, -holding.size)
            del self._holdings[holding]

    def victims(self, max_bytes: int, caller: str | None = None) -> list[Holding]:
        """Returns the holdings to remove so that at most `max_bytes` are left; fewer where there are not enough.

        Their callers hold at least the mean, so that one with few bytes loses none to others with many calls.

        Args:
            max_bytes: The bytes that may stay.
            caller: Who wants room: others must hold as much as this caller does.
        """
        if self.size <= max_bytes:
            return []
        old = self._clock() - _LEAST_SECONDS
        sizes = self._by_caller.copy()
        size = 0 if caller is None else sizes[caller]
        limit = max(self.size / len(sizes), size)
        victims, bytes_left = [], self.size
        for holding in takewhile(lambda holding: holding.since <= old, self._holdings):
            if bytes_left <= max_bytes:
                break
            held_size = size if holding.caller == caller else sizes[holding.caller]
            if holding.size and not holding.is_safe and held_size >= limit:
                victims.append(holding)
                sizes[holding.caller] -= holding.size
                bytes_left -= holding.size
        return victims

    def remove(self, victims: list[Holding]) -> None:
        """Removes some holdings, whose calls are then to be cancelled; the log tells it once a second."""
        for victim in victims:
            self.discard(victim)
        if victims and self._log_interval.begin():
            _log.warning(self._warning, len(victims), victims[0].caller)
