"""The context of a request: whether its caller still waits for the answer, for how long, and its turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import lru_cache
from typing import Any, Self
from urllib.parse import unquote

import grpc

from tfapp.core.connections import caller_network
from tfapp.server.request_errors import RequestError

__all__ = ["RequestContext", "abandoned_error", "caller_address", "caller_connection", "split_peer"]


class RequestContext:
    """The deadline of a request, whether its caller has cancelled it, and its turn.

    Whoever makes one enters it, so that what the request holds is given back once it is answered.

    Args:
        seconds: How long it waits from now on; None: for ever.
        connection: The caller's address and port.
        clock: Tells the time, in seconds.

    Attributes:
        connection: The caller's address and port; "" where there is none.
        model_seconds: How long it has waited for the model; None: the model was not asked.
        has_turn: Whether it holds its turn.
    """

    def __init__(
        self, seconds: float | None = None, *, connection: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.connection = connection
        self.model_seconds: float | None = None
        self._deadline = None if seconds is None else clock() + seconds
        self._left = False
        self._notify: Callable[[], None] | None = None
        self.has_turn = False
        # Made when something is held: most requests hold nothing.
        self._turn: ExitStack | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._turn is not None:
            self._turn.close()

    def hold(self, turn: AbstractContextManager[None]) -> None:
        """Waits for a turn, and holds it until the request is answered; its first is enough for all its signatures."""
        if not self.has_turn:
            self._turn = self._turn or ExitStack()
            self._turn.enter_context(turn)
            self.has_turn = True

    @property
    def caller(self) -> tuple[str, str]:
        """Returns the caller's address, and its connection, by which callers take turns."""
        return caller_address(self.connection), self.connection

    @property
    def is_cancelled(self) -> bool:
        """Returns whether the caller has cancelled the request or lost its connection."""
        return self._left

    @property
    def is_active(self) -> bool:
        """Returns whether the caller would still read an answer."""
        return not self._left and (self._deadline is None or self._clock() < self._deadline)

    def time_remaining(self) -> float | None:
        """Returns the seconds until the deadline, 0 or more; None: there is none."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def cancel(self) -> None:
        """Records that the caller has gone; called by the connection, in any thread, at the latest at the deadline."""
        self._left = True
        notify = self._notify
        if notify is not None:
            notify()

    @contextmanager
    def on_cancel(self, notify: Callable[[], None]) -> Iterator[None]:
        """Calls a function when the request is cancelled during the block, at once if it is already; maybe twice."""
        self._notify = notify
        try:
            if self._left:
                notify()
            yield
        finally:
            # What waits knows its context: a circle, in which answers would stay until it is collected.
            self._notify = None


def caller_connection(call: Any) -> str:
    """Returns the caller's address and port of a gRPC call, with gRPC's prefix.

    gRPC asks its core for them each time, and lets other threads go first meanwhile: they are kept with the call.
    """
    connection: str | None = getattr(call, "caller_connection", None)
    if connection is None:
        connection = call.caller_connection = call.peer()
    return connection


@lru_cache(maxsize=1024)
def caller_address(connection: str) -> str:
    """Returns the address of a connection, by which callers are counted.

    Args:
        connection: The caller's address and port, with or without gRPC's prefix.
    """
    host, _ = split_peer(connection)
    return caller_network(host)


def split_peer(connection: str) -> tuple[str, str]:
    """Splits a connection, with or without gRPC's prefix, into the caller's host, without brackets, and its port."""
    host, _, port = connection.rpartition(":")
    return unquote(host).removeprefix("ipv4:").removeprefix("ipv6:").strip("[]"), port


def abandoned_error(context: RequestContext, *, ran: bool) -> RequestError:
    """Returns the error of a request that its caller has cancelled, or that was not answered in time.

    Args:
        context: The request's context.
        ran: Whether the model had begun with it.
    """
    if context.is_cancelled:
        return RequestError(grpc.StatusCode.CANCELLED, "The caller has gone")
    if ran:
        return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded while the model ran")
    return RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")
