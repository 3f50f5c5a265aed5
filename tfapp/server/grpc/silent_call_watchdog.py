"""Cancels calls that keep the server waiting, while they are many."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import grpc

from tfapp.core.log_interval import LogInterval

__all__ = ["SilentCallWatchdog", "Timer"]

_log = logging.getLogger(__name__)

# A connection with no more than this part of too many calls is spared.
_SHARES: Final = 16


class Timer(Protocol):
    """The methods of `threading.Timer` that are used here."""

    daemon: bool

    def start(self) -> None:
        """Starts the timer."""

    def cancel(self) -> None:
        """Stops the timer; its function is not called."""


class SilentCallWatchdog:
    """A set of calls that wait; while they are many, those that have waited for long are cancelled.

    A connection with few calls is spared, as its messages may be long, while others have many.

    Args:
        warning: A line for the log, once a second at most, with %d for the number of calls that were cancelled, and %s
            for the caller of one.
        seconds: How long is long; a call may wait for up to twice that, as all are looked at together.
        many: From how many calls on.
        least_seconds: Where they are many again and again, long is half as long each time, down to this; None: never.
        make_timer: Makes the timers.
        ticks: Tells the time, in seconds.
    """

    def __init__(
        self,
        warning: str,
        seconds: float,
        *,
        many: int = 1,
        least_seconds: float | None = None,
        make_timer: Callable[[float, Callable[[], None]], Timer] = threading.Timer,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warning = warning
        self._most_seconds = self._seconds = seconds
        self._least_seconds = least_seconds or seconds
        self._many = many
        self._make_timer = make_timer
        self._ticks = ticks
        self._waiting: set[grpc.ServicerContext] = set()
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._last_look = float("-inf")
        self._log_interval = LogInterval(ticks)

    @contextmanager
    def watch(self, call: grpc.ServicerContext) -> Iterator[None]:
        """Watches a call during the block."""
        self.add(call)
        try:
            yield
        finally:
            self.discard(call)

    def add(self, call: grpc.ServicerContext) -> None:
        """Watches a call from now on."""
        with self._lock:
            self._waiting.add(call)
            self._watch()

    def discard(self, call: grpc.ServicerContext) -> None:
        """Stops watching a call."""
        with self._lock:
            self._waiting.discard(call)

    def close(self) -> None:
        """Stops watching; calls that wait are left alone."""
        with self._lock:
            self._many = 1 << 62
            if self._timer is not None:
                self._timer.cancel()

    def _watch(self) -> None:
        if self._timer is not None or len(self._waiting) < self._many:
            return
        is_recent = self._ticks() - self._last_look < self._most_seconds
        self._seconds = max(self._seconds / 2, self._least_seconds) if is_recent else self._most_seconds
        calls = set(self._waiting)
        self._timer = self._make_timer(self._seconds, lambda: self._cancel(calls))
        self._timer.daemon = True
        self._timer.start()

    def _cancel(self, calls: set[grpc.ServicerContext]) -> None:
        """Cancels those of some calls that still wait."""
        with self._lock:
            calls = self._calls_to_cancel(calls & self._waiting)
            self._waiting -= calls
            self._timer, self._last_look = None, self._ticks()
            self._watch()
            is_news = bool(calls) and self._log_interval.begin()
        if is_news:
            _log.warning(self._warning, len(calls), next(iter(calls)).peer())
        for call in calls:
            call.cancel()

    def _calls_to_cancel(self, calls: set[grpc.ServicerContext]) -> set[grpc.ServicerContext]:
        """Returns the calls of connections with many calls; all, where those with few are too many together."""
        counts = Counter(call.peer() for call in self._waiting)
        light_calls = {call for call in self._waiting if counts[call.peer()] <= self._many // _SHARES}
        return calls - light_calls if len(light_calls) < self._many else calls
