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
from tfapp.server.grpc.streaming_calls import StreamingCalls

__all__ = ["DeserializationInterceptor"]

_INVALID: Final = object()
_TEXT: Final = "Exception deserializing request!"


class DeserializationInterceptor(grpc.ServerInterceptor):
    """An interceptor that ends a call with a status where its message cannot be deserialized.

    Args:
        timeouts: Waits for the messages.
        streams: Runs the calls whose answers are streams.
    """

    def __init__(self, timeouts: MessageTimeouts, streams: StreamingCalls) -> None:
        self._timeouts = timeouts
        self._streams = streams
        self._handlers: dict[str, Any] = {}

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """Returns the handler of a call; each is made once."""
        method = handler_call_details.method
        if method not in self._handlers:
            handler = continuation(handler_call_details)
            if handler is None:
                return None
            self._handlers[method] = _checked_handler(handler, self._timeouts, self._streams)
        return self._handlers[method]


def _checked_handler(handler: Any, timeouts: MessageTimeouts, streams: StreamingCalls) -> Any:
    """Returns a handler that gets the iterator of messages, also for calls that send only one."""
    functions = {"request_deserializer": _safe_deserializer(handler.request_deserializer)}
    functions["response_serializer"] = _serializer(handler.response_serializer)
    if handler.request_streaming:
        # Streams are answered by streams here: reflection.
        answer = _with_each_message(handler.stream_stream, timeouts)
        return grpc.stream_stream_rpc_method_handler(streams.bound(answer), **functions)
    if handler.response_streaming:
        answer = _with_one_message(handler.unary_stream, timeouts, is_streaming=True)
        return grpc.stream_stream_rpc_method_handler(streams.bound(answer), **functions)
    return grpc.stream_unary_rpc_method_handler(
        _with_answer_timeout(_with_one_message(handler.unary_unary, timeouts), timeouts), **functions
    )


def _safe_deserializer(deserializer: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def deserialize(data: bytes) -> Any:
        try:
            return deserializer(data)
        except Exception:  # noqa: BLE001 - whatever is wrong with the bytes, the caller is told the same
            return _INVALID

    return deserialize


def _serializer(write: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Returns a serializer that takes answers which are serialized already, too."""
    return lambda answer: answer if isinstance(answer, bytes) else write(answer)


def _with_one_message(
    answer: Callable[..., Any], timeouts: MessageTimeouts, *, is_streaming: bool = False
) -> Callable[..., Any]:
    def handle(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        request = timeouts.receive_one(requests, context, is_streaming=is_streaming)
        _check(request, context)
        return answer(request, context)

    return handle


def _with_answer_timeout(answer: Callable[..., Any], timeouts: MessageTimeouts) -> Callable[..., Any]:
    def handle(requests: Iterator[Any], context: grpc.ServicerContext) -> Any:
        response = answer(requests, context)
        timeouts.watch_answer(context, len(response) if isinstance(response, bytes) else response.ByteSize())
        return response

    return handle


def _with_each_message(answer: Callable[..., Any], timeouts: MessageTimeouts) -> Callable[..., Any]:
    def receive_each(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for request in timeouts.receive_each(requests, context):
            _check(request, context)
            yield request

    return lambda requests, context: answer(receive_each(requests, context), context)


def _check(request: Any, context: grpc.ServicerContext) -> None:
    if request is _INVALID:
        context.abort(grpc.StatusCode.INTERNAL, _TEXT)
