"""Calls that have begun and whose message has not come; each holds a thread, so not many may wait for long."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import grpc

__all__ = ["PendingMessages"]

_NONE: Final = object()
# A connection with no more than this part of many calls is spared.
_SHARES: Final = 16


class PendingMessages:
    """Waits for messages; where many calls wait for theirs, those that have waited for long are cancelled.

    So callers who begin calls and send nothing take no threads from those who do. A connection with few calls is
    spared, as its messages may be long, while others have many.

    Args:
        many: From how many calls on.
        seconds: How long is long.
    """

    def __init__(self, many: int, seconds: float) -> None:
        self._many = many
        self._seconds = seconds
        self._waiting: set[grpc.ServicerContext] = set()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def only(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Any:
        """Returns the message of a call that takes one; ends the call, as gRPC does, where there is none."""
        message = self._next(messages, context)
        if message is _NONE:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the method requires exactly one request message.")
        return message

    def each(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Yields the messages of a call."""
        while (message := self._next(messages, context)) is not _NONE:
            yield message

    def _next(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Any:
        try:
            with self._lock:
                self._waiting.add(context)
                self._watch()
            return next(messages, _NONE)
        finally:
            with self._lock:
                self._waiting.discard(context)

    def _watch(self) -> None:
        if self._timer is None and len(self._waiting) >= self._many:
            timer = threading.Timer(self._seconds, self._cancel, [set(self._waiting)])
            timer.daemon = True
            timer.start()
            self._timer = timer

    def _cancel(self, calls: set[grpc.ServicerContext]) -> None:
        """Cancels those of some calls that still wait."""
        with self._lock:
            calls = self._to_cancel(calls & self._waiting)
            self._waiting -= calls
            self._timer = None
            self._watch()
        for call in calls:
            call.cancel()

    def _to_cancel(self, calls: set[grpc.ServicerContext]) -> set[grpc.ServicerContext]:
        """Chooses those of connections with many calls; all, where that leaves as many waiting."""
        counts = Counter(call.peer() for call in self._waiting)
        greedy = {call for call in calls if counts[call.peer()] > self._many // _SHARES}
        return greedy if len(self._waiting) - len(greedy) < self._many else calls
