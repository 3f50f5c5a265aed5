"""The context of a request: whether its caller still waits for the answer, for how long, and its turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Self

import grpc

from tfapp.server.request_errors import RequestError

__all__ = ["RequestContext", "abandoned_error"]


class RequestContext:
    """The deadline of a request, whether its caller has cancelled it, and its turn.

    Whoever makes one enters it, so that what the request holds is given back once it is answered.

    Args:
        seconds: How long it waits from now on; None: for ever.
        clock: Tells the time, in seconds.

    Attributes:
        model_seconds: How long it has waited for the model; None: the model was not asked.
        has_turn: Whether it holds its turn.
    """

    def __init__(self, seconds: float | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.model_seconds: float | None = None
        self._deadline = None if seconds is None else clock() + seconds
        self._left = False
        self._notify: Callable[[], None] | None = None
        self.has_turn = False
        self._turn = ExitStack()
        self._written_room: Callable[[int], AbstractContextManager[None]] | None = None
        self._written = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._turn.close()

    def hold(self, turn: AbstractContextManager[None]) -> None:
        """Waits for a turn, and holds it until the request is answered; its first is enough for all its signatures."""
        if not self.has_turn:
            self._turn.enter_context(turn)
            self.has_turn = True

    def hold_answer(
        self, room: AbstractContextManager[None], written_room: Callable[[int], AbstractContextManager[None]]
    ) -> None:
        """Waits for room for outputs of the model, and holds it until the answer that is made of them is written.

        Args:
            room: The room.
            written_room: Returns the room of a written answer of so many bytes, for which it does not wait.
        """
        self._turn.enter_context(room)
        self._written_room = written_room

    @property
    def has_answer(self) -> bool:
        """Returns whether it holds room for outputs of the model: its answer is large."""
        return self._written_room is not None

    def count_written(self, size: int) -> None:
        """Counts the bytes of a large answer that is written from now on, until `release_answer`."""
        if self._written_room is not None:
            self._written.enter_context(self._written_room(size))

    def release_answer(self) -> None:
        """Gives back what the written answer holds, once the caller has it or has gone; may be called again."""
        self._written.close()

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
        """Notes that the caller has gone; called by the connection, in any thread, at the latest at the deadline."""
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
