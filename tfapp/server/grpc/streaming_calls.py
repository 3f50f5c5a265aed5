"""Runs streaming calls (the health service's Watch, reflection) in threads of their own, and bounds their number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc

from tfapp.server.grpc.message_timeouts import MessageTimeouts
from tfapp.server.listener import ConcurrencyLimiter
from tfapp.server.request_errors import RequestError

__all__ = ["StreamingCalls"]

_LEAST_CALLS: Final = 128
_FLAG: Final = f"half of --grpc_max_threads, {_LEAST_CALLS} or more"
# Threads that refuse what is too much while all others are in use.
_SPARE_THREADS: Final = 8


class StreamingCalls:
    """The streaming calls of a port, whose callers cannot use up the threads of the other calls.

    A streaming call holds a thread while it is open: gRPC for Python waits in it until a message is sent, so as long as
    the caller's window of flow control is shut.

    Args:
        max_threads: The server's `--grpc_max_threads`, which this follows.
        timeouts: The time limits of messages.
    """

    def __init__(self, max_threads: int, timeouts: MessageTimeouts) -> None:
        self._timeouts = timeouts
        max_calls = max(_LEAST_CALLS, max_threads // 2)
        self._limiter = ConcurrencyLimiter(max_calls, kind="streaming call", flag=_FLAG, refusal=None)
        self._executor = ThreadPoolExecutor(self._limiter.total + _SPARE_THREADS, thread_name_prefix="stream")

    def bound(self, answer: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Returns a method that answers a stream of messages within the limits, or refuses its call."""

        def handle(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                with self._limiter.hold(context.peer()):
                    for response in answer(requests, context):
                        # gRPC sends what was yielded before it asks for more.
                        with self._timeouts.watch_send(context, response.ByteSize()):
                            yield response
            except RequestError as error:
                context.abort(error.code, error.message)

        # So gRPC knows the threads that a method runs in.
        handle.experimental_thread_pool = self._executor  # type: ignore[attr-defined]
        return handle
