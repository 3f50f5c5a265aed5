from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2

from tfapp.server.grpc.call_handler import handle_call
from tfapp.server.request_context import RequestContext


class AbortError(Exception):
    """A call was ended with a status."""


class ServedCall:
    """A call as gRPC tells of it.

    Args:
        left: The seconds that it has, by the time of day.
        goes_on: Whether gRPC has not ended it.
    """

    def __init__(self, seconds: float | None, *, goes_on: bool = True) -> None:
        self._left = seconds
        self._goes_on = goes_on
        self.end: Callable[[], None] | None = None

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def time_remaining(self) -> float | None:
        return self._left

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.end = callback
        return self._goes_on

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise AbortError(code, details)


def _answer(call: ServedCall) -> RequestContext:
    contexts: list[RequestContext] = []

    def work(_request: Any, context: RequestContext) -> Any:
        contexts.append(context)
        return predict_pb2.PredictResponse()

    assert handle_call(cast("grpc.ServicerContext", call), work, None) == b""
    return contexts[0]


@pytest.mark.parametrize(("seconds", "has_deadline"), [(None, False), (1e9, False), (60.0, True), (3660.0, True)])
def test_a_caller_waits_as_long_as_grpc_says(seconds: float | None, has_deadline: bool) -> None:
    context = _answer(ServedCall(seconds))
    assert context.is_active
    assert (context.time_remaining() is not None) == has_deadline


def test_a_clock_that_is_set_forward_ends_no_call_that_goes_on() -> None:
    call = ServedCall(0.0)
    context = _answer(call)
    assert context.is_active
    assert call.end is not None
    # By its own clock, gRPC knows when the time is up.
    call.end()
    assert not context.is_active


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_call_that_grpc_has_ended_is_not_worked_on(seconds: float) -> None:
    with pytest.raises(AbortError, match="DEADLINE_EXCEEDED"):
        _answer(ServedCall(seconds, goes_on=False))
