"""Runs the work of a gRPC call: gives it a request context, and turns errors into the call's status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

import grpc

from tfapp.server.request_context import RequestContext, caller_connection
from tfapp.server.request_errors import RequestError

__all__ = ["handle_call"]

_log = logging.getLogger(__name__)

# gRPC gives calls without a deadline a time in the far future, which no lock can wait for.
_LONGEST: Final = 1e6


def handle_call(context: grpc.ServicerContext, work: Callable[[Any, RequestContext], Any], request: Any) -> Any:
    """Answers a request, or ends the call with the status that says why not.

    Args:
        context: The call's context.
        work: Makes the answer from the request and its context, or raises RequestError.
        request: The request's message.

    Returns:
        The answer, serialized.
    """
    # gRPC counts it by the time of day: none left to a call that goes on means that the clock was set. It ends the call
    # when its time is up, by another clock.
    seconds_left = context.time_remaining()
    request_context = RequestContext(
        seconds_left if seconds_left and seconds_left <= _LONGEST else None, connection=caller_connection(context)
    )
    if not context.add_callback(request_context.cancel) or not request_context.is_active:
        # It waited for a thread until its time was up: nobody reads an answer any more.
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded before the request was worked on")
    try:
        with request_context:
            # gRPC would serialize it after its turn.
            return work(request, request_context).SerializeToString()
    except RequestError as error:
        context.abort(error.code, error.message)
    except Exception:  # noqa: BLE001 - a defect of ours ends one call, not the server
        _log.exception("a request could not be answered")
        context.abort(grpc.StatusCode.INTERNAL, "The server failed; its log says why")
