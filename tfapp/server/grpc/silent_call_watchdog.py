"""Ends calls that keep the server waiting, while they are many."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import grpc

from tfapp.core.log_interval import LogInterval
from tfapp.server.grpc.waiting_call_bound import WaitingCallBound

__all__ = ["SilentCallWatchdog", "Timer"]

_log = logging.getLogger(__name__)


class Timer(Protocol):
    """The methods of `threading.Timer` that are used here."""

    daemon: bool

    def start(self) -> None:
        """Starts the timer."""

    def cancel(self) -> None:
        """Stops the timer; its function is not called."""


class SilentCallWatchdog:
    """A set of calls that wait; those that have waited for long are ended, or where they are too many.

    Args:
        reason: What the callers of calls that are ended are told, and the log, once a second at most: the limit.
        seconds: How long is long; a call may wait for up to twice that, as all are looked at together.
        bound: How many may wait for long, and which of them are ended; None: none may.
        least_seconds: Where they are many again and again, long is half as long each time, down to this; None: never.
        make_timer: Makes the timers.
        ticks: Tells the time, in seconds.
    """

    def __init__(
        self,
        reason: str,
        seconds: float,
        *,
        bound: WaitingCallBound | None = None,
        least_seconds: float | None = None,
        make_timer: Callable[[float, Callable[[], None]], Timer] = threading.Timer,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reason = reason
        self._most_seconds = self._seconds = seconds
        self._least_seconds = least_seconds or seconds
        self._bound = bound
        self._make_timer = make_timer
        self._ticks = ticks
        # The oldest first.
        self._waiting: dict[grpc.ServicerContext, None] = {}
        self._is_closed = False
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
            self._waiting[call] = None
            self._watch()

    def discard(self, call: grpc.ServicerContext) -> None:
        """Stops watching a call."""
        with self._lock:
            self._waiting.pop(call, None)

    def close(self) -> None:
        """Stops watching; calls that wait are left alone."""
        with self._lock:
            self._is_closed = True
            if self._timer is not None:
                self._timer.cancel()

    def _watch(self) -> None:
        many = self._bound.most if self._bound else 1
        if self._is_closed or self._timer is not None or len(self._waiting) < many:
            return
        is_recent = self._ticks() - self._last_look < self._most_seconds
        self._seconds = max(self._seconds / 2, self._least_seconds) if is_recent else self._most_seconds
        calls = set(self._waiting)
        self._timer = self._make_timer(self._seconds, lambda: self._end_some(calls))
        self._timer.daemon = True
        self._timer.start()

    def _end_some(self, old: set[grpc.ServicerContext]) -> None:
        """Ends those of some calls that still wait, as far as the bound asks for it."""
        with self._lock:
            waiting = list(self._waiting)
        # Others' calls need not wait for this.
        calls = self._bound.excess(waiting, old) if self._bound else [call for call in waiting if call in old]
        with self._lock:
            calls = [call for call in calls if call in self._waiting]
            for call in calls:
                del self._waiting[call]
            self._timer, self._last_look = None, self._ticks()
            self._watch()
            is_news = bool(calls) and self._log_interval.begin()
        if is_news:
            _log.warning("%s: ended %d calls, the first of %s", self._reason, len(calls), calls[0].peer())
        for call in calls:
            _end(call, self._reason)


def _end(call: grpc.ServicerContext, reason: str) -> None:
    """Ends a call from a thread that is not its own, with a status where gRPC can: its public `cancel` has none."""
    core_call = getattr(getattr(call, "_rpc_event", None), "call", None)
    try:
        core_call.cancel(grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], reason)  # type: ignore[union-attr]
    except (AttributeError, TypeError):
        call.cancel()
