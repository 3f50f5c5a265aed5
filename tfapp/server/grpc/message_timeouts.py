"""Time limits for messages that do not come, and for answers that nobody takes.

A call whose message has not come holds a thread and what has come of it; one whose answer was not taken holds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from tfapp.server.grpc.silent_call_watchdog import SilentCallWatchdog
from tfapp.server.grpc.waiting_call_bound import WaitingCallBound
from tfapp.server.request_context import caller_connection
from tfapp.server.unread_answers import UnreadAnswers

__all__ = ["MessageTimeouts", "most_waiting_calls"]

_NONE: Final = object()
_LEAST_WAITING: Final = 256
_WAITING_BY_THREAD: Final = 2
# The same of streaming calls, which have threads of their own, and may also wait until an answer is taken.
_MOST_STREAMS: Final = 64
_STREAMS_WAIT: Final = f"{_MOST_STREAMS} streaming calls send nothing or leave answers unread, the most that may"
_PAUSE: Final = 1.0
_LEAST_PAUSE: Final = 0.1


def most_waiting_calls(max_threads: int) -> int:
    """Returns how many calls may wait for their message, with a thread each.

    Callers who begin calls and send nothing take no threads from those who do, and a thread that waits takes little
    memory, so they are more than the `max_threads` that work.
    """
    return max(_LEAST_WAITING, _WAITING_BY_THREAD * max_threads)


class MessageTimeouts:
    """Waits for the messages of calls, and ends calls whose callers keep the server waiting.

    Args:
        timeout: How long a message may take to come and an answer to be taken, in seconds; at most twice as long.
        answers: Those that are not taken yet.
        most_waiting: How many calls may wait for their message.
    """

    def __init__(self, timeout: float, answers: UnreadAnswers, most_waiting: int = _LEAST_WAITING) -> None:
        self._unread = answers
        bound = f"{most_waiting} calls wait for their message, the most that may (--grpc_max_threads)"
        limit = f"within {timeout:g} s (--grpc_message_timeout_seconds)"
        self._silent = SilentCallWatchdog(
            bound, _PAUSE, bound=WaitingCallBound(most_waiting), least_seconds=_LEAST_PAUSE
        )
        self._streams = SilentCallWatchdog(
            _STREAMS_WAIT, _PAUSE, bound=WaitingCallBound(_MOST_STREAMS), least_seconds=_LEAST_PAUSE
        )
        self._coming = SilentCallWatchdog(f"the message has not come {limit}", timeout)
        self._going = SilentCallWatchdog(f"the answer was not taken {limit}", timeout)

    def receive_one(self, messages: Iterator[Any], context: grpc.ServicerContext, *, is_streaming: bool = False) -> Any:
        """Returns the message of a call that takes one; ends the call, as gRPC does, where there is none."""
        message = self._next(messages, context, self._coming, self._streams if is_streaming else self._silent)
        if message is _NONE:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the method requires exactly one request message.")
        return message

    def receive_each(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Yields the messages of a call, which may be far apart."""
        while (message := self._next(messages, context, self._streams)) is not _NONE:
            yield message

    def watch_answer(self, context: grpc.ServicerContext, size: int) -> None:
        """Ends the call if its caller does not take the answer of so many bytes in time, or too many do not."""
        self._going.add(context)
        release = self._unread.add(caller_connection(context), size, context.cancel)

        def end() -> None:
            self._going.discard(context)
            release()

        if not context.add_callback(end):
            end()

    @contextmanager
    def watch_send(self, context: grpc.ServicerContext, size: int) -> Iterator[None]:
        """Watches as `watch_answer`, while the block sends one message of several."""
        release = self._unread.add(caller_connection(context), size, context.cancel)
        try:
            with self._going.watch(context), self._streams.watch(context):
                yield
        finally:
            release()

    def close(self) -> None:
        """Stops the time limits: no more calls are ended."""
        for calls in (self._silent, self._streams, self._coming, self._going):
            calls.close()

    @staticmethod
    def _next(messages: Iterator[Any], context: grpc.ServicerContext, *watchdogs: SilentCallWatchdog) -> Any:
        for watchdog in watchdogs:
            watchdog.add(context)
        try:
            return next(messages, _NONE)
        finally:
            for watchdog in watchdogs:
                watchdog.discard(context)
