"""Who waits for an answer, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable

import grpc

from tfapp.server.status import RequestError

__all__ = ["Caller", "given_up"]


class Caller:
    """The other end of a request.

    Args:
        seconds: How long it waits from now on; None: for ever.
        clock: Tells the time, in seconds.

    Attributes:
        model_seconds: How long it has waited for the model; None: the model was not asked.
    """

    def __init__(self, seconds: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.model_seconds: float | None = None
        self._deadline = None if seconds is None else clock() + seconds
        self._left = False
        self._notify: Callable[[], None] | None = None

    @property
    def has_left(self) -> bool:
        """Whether it has cancelled the request or lost its connection."""
        return self._left

    @property
    def waits(self) -> bool:
        """Whether it would still read an answer."""
        return not self._left and (self._deadline is None or self._clock() < self._deadline)

    def seconds(self) -> float | None:
        """How long it still waits, 0 or more; None: for ever."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def leave(self) -> None:
        """Notes that it has gone; called by the connection, from any thread, at the latest when its time is up."""
        self._left = True
        notify = self._notify
        if notify is not None:
            notify()

    def on_leave(self, notify: Callable[[], None]) -> None:
        """Has a function called once it leaves, at once if it has left already; it may be called twice."""
        self._notify = notify
        if self._left:
            notify()


def given_up(caller: Caller, *, ran: bool) -> RequestError:
    """Makes the error of a request that its caller has left, or that was not answered in time.

    Args:
        caller: Who waited.
        ran: Whether the model had begun with it.
    """
    if caller.has_left:
        return RequestError(grpc.StatusCode.CANCELLED, "The caller has gone")
    if ran:
        return RequestError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded while the model ran")
    return RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")
