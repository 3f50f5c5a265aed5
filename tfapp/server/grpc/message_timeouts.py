"""Time limits for messages that do not come, and for answers that nobody takes.

A call whose message has not come holds a thread and what has come of it; one whose answer was not taken holds that.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import grpc

from tfapp.server.unread_answers import UnreadAnswers

__all__ = ["MANY_SILENT", "MessageTimeouts", "SilentCallWatchdog", "Timer"]

_NONE: Final = object()
MANY_SILENT: Final = 256
"""Of so many calls that have begun and wait for their message, those that waited for a moment are cancelled: callers
who begin calls and send nothing take no threads from those who do."""
_PAUSE: Final = 1.0
_LEAST_PAUSE: Final = 0.1
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
        seconds: How long is long; a call may wait for up to twice that, as all are looked at together.
        many: From how many calls on.
        least_seconds: Where they are many again and again, long is half as long each time, down to this; None: never.
        make_timer: Makes the timers.
        ticks: Tells the time, in seconds.
    """

    def __init__(
        self,
        seconds: float,
        *,
        many: int = 1,
        least_seconds: float | None = None,
        make_timer: Callable[[float, Callable[[], None]], Timer] = threading.Timer,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_seconds = self._seconds = seconds
        self._least_seconds = least_seconds or seconds
        self._many = many
        self._make_timer = make_timer
        self._ticks = ticks
        self._waiting: set[grpc.ServicerContext] = set()
        self._lock = threading.Lock()
        self._timer: Timer | None = None
        self._last_look = float("-inf")

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
            calls = self._to_cancel(calls & self._waiting)
            self._waiting -= calls
            self._timer, self._last_look = None, self._ticks()
            self._watch()
        for call in calls:
            call.cancel()

    def _to_cancel(self, calls: set[grpc.ServicerContext]) -> set[grpc.ServicerContext]:
        """Returns the calls of connections with many calls; all, where those with few are too many together."""
        counts = Counter(call.peer() for call in self._waiting)
        light_calls = {call for call in self._waiting if counts[call.peer()] <= self._many // _SHARES}
        return calls - light_calls if len(light_calls) < self._many else calls


class MessageTimeouts:
    """Waits for the messages of calls, and ends calls whose callers keep the server waiting.

    Args:
        timeout: How long a message may take to come and an answer to be taken, in seconds; at most twice as long.
        unread: The answers that are not taken yet.
    """

    def __init__(self, timeout: float, unread: UnreadAnswers) -> None:
        self._unread = unread
        self._silent = SilentCallWatchdog(_PAUSE, many=MANY_SILENT, least_seconds=_LEAST_PAUSE)
        self._coming = SilentCallWatchdog(timeout)
        self._going = SilentCallWatchdog(timeout)

    def receive_one(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Any:
        """Returns the message of a call that takes one; ends the call, as gRPC does, where there is none."""
        with self._coming.watch(context):
            message = self._next(messages, context)
        if message is _NONE:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the method requires exactly one request message.")
        return message

    def receive_each(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Yields the messages of a call, which may be far apart."""
        while (message := self._next(messages, context)) is not _NONE:
            yield message

    def watch_answer(self, context: grpc.ServicerContext, size: int) -> None:
        """Ends the call if its caller does not take the answer of so many bytes in time, or too many do not."""
        self._going.add(context)
        release = self._unread.add(context.peer(), size, context.cancel)

        def end() -> None:
            self._going.discard(context)
            release()

        if not context.add_callback(end):
            end()

    def close(self) -> None:
        """Stops the time limits: no more calls are ended."""
        for calls in (self._silent, self._coming, self._going):
            calls.close()

    def _next(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Any:
        with self._silent.watch(context):
            return next(messages, _NONE)
