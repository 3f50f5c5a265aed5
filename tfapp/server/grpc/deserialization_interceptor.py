"""Receives the messages of gRPC calls, and ends calls whose message cannot be read.

Those that are no message of their method's kind end with a status, and leave nothing behind: gRPC answers them itself
where a deserializer raises, but it keeps the call: 19 KB each (grpcio 1.85), for the life of the process. Those that do
not come hold no thread that another call needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import grpc

from tfapp.server.grpc.message_timeouts import MessageTimeouts

__all__ = ["DeserializationInterceptor"]

_UNREADABLE: Final = object()
_TEXT: Final = "Exception deserializing request!"


class DeserializationInterceptor(grpc.ServerInterceptor):
    """An interceptor that ends a call with a status where its message cannot be deserialized.

    Args:
        pending: Waits for the messages.
    """

    def __init__(self, pending: MessageTimeouts) -> None:
        self._pending = pending
        self._handlers: dict[str, Any] = {}

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Returns the handler of a call; each is made once."""
        method = handler_call_details.method
        if method not in self._handlers:
            handler = continuation(handler_call_details)
            if handler is None:
                return None
            self._handlers[method] = _tolerant(handler, self._pending)
        return self._handlers[method]


def _tolerant(handler: Any, pending: MessageTimeouts) -> Any:
    """Returns a handler that gets the iterator of messages, also for calls that send only one."""
    functions = {"request_deserializer": _reader(handler.request_deserializer)}
    functions["response_serializer"] = handler.response_serializer
    if handler.request_streaming:
        # Streams are answered by streams here: reflection.
        return grpc.stream_stream_rpc_method_handler(_checking_each(handler.stream_stream, pending), **functions)
    if handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(_checking(handler.unary_stream, pending), **functions)
    return grpc.stream_unary_rpc_method_handler(
        _answering(_checking(handler.unary_unary, pending), pending), **functions
    )


def _reader(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def tolerant(data: bytes) -> Any:
        try:
            return read(data)
        except Exception:  # noqa: BLE001 - whatever is wrong with the bytes, the caller is told the same
            return _UNREADABLE

    return tolerant


def _checking(answer: Callable[..., Any], pending: MessageTimeouts) -> Callable[..., Any]:
    def checked(requests: Iterator[Any], context: grpc.ServicerContext, *callback: Any) -> Any:
        request = pending.only(requests, context)
        _check(request, context)
        return answer(request, context, *callback)

    # So gRPC knows a method that answers by a callback: the health service's Watch, which holds no thread.
    checked.experimental_non_blocking = getattr(answer, "experimental_non_blocking", False)  # type: ignore[attr-defined]
    return checked


def _answering(answer: Callable[..., Any], pending: MessageTimeouts) -> Callable[..., Any]:
    def answered(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        response = answer(requests, context)
        pending.answered(context)
        return response

    return answered


def _checking_each(answer: Callable[..., Any], pending: MessageTimeouts) -> Callable[..., Any]:
    def each(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in pending.each(requests, context):
            _check(request, context)
            yield request

    return lambda requests, context: answer(each(requests, context), context)


def _check(request: Any, context: grpc.ServicerContext) -> None:
    if request is _UNREADABLE:
        context.abort(grpc.StatusCode.INTERNAL, _TEXT)
