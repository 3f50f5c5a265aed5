"""What all calls share: a limit, a caller that may go, and a gRPC status for every failure."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final

import grpc

from tfapp.server.caller import Caller
from tfapp.server.status import RequestError

__all__ = ["Limit", "answer"]

_log = logging.getLogger(__name__)

# gRPC gives calls without a deadline a time in the far future, which no lock can wait for.
_LONGEST: Final = 1e6


class Limit:
    """How many requests are taken at the same time.

    Args:
        most: The number.
    """

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)

    def take(self) -> None:
        """Takes a place.

        Raises:
            RequestError: There is none.
        """
        if not self._free.acquire(blocking=False):
            raise RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")

    def give_back(self) -> None:
        """Gives a place back."""
        self._free.release()

    def __enter__(self) -> None:
        """Takes a place during a block."""
        self.take()

    def __exit__(self, *_error: object) -> None:
        """Gives the place back."""
        self.give_back()


def answer(context: grpc.ServicerContext, work: Callable[[Any, Caller], Any], request: Any) -> Any:
    """Answers a request, or ends the call with the status that says why not.

    Args:
        context: The call's.
        work: Makes the answer, or raises RequestError; it is told who waits.
        request: What `work` is given.

    Returns:
        The answer.
    """
    # gRPC counts it by the time of day: none left to a call that goes on means that the clock was set. It ends the call
    # when its time is up, by another clock.
    left = context.time_remaining()
    caller = Caller(left if left and left <= _LONGEST else None)
    if not context.add_callback(caller.leave) or not caller.waits:
        # It waited for a thread until its time was up: nobody reads an answer any more.
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded before the request was worked on")
    try:
        return work(request, caller)
    except RequestError as error:
        context.abort(error.code, error.message)
    except Exception:  # noqa: BLE001 - a defect of ours ends one call, not the server
        _log.exception("a request could not be answered")
        context.abort(grpc.StatusCode.INTERNAL, "The server failed; its log says why")
