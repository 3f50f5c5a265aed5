"""Sends requests over gRPC; tests give a transport of their own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Protocol

import grpc

from tfapp_client import messages
from tfapp_client.connection import PROBE_SERVICE, Endpoint
from tfapp_client.errors import StatusError, status_error

__all__ = [
    "HEALTH",
    "METADATA",
    "METHODS",
    "PREDICT",
    "STATUS",
    "AsyncGrpcTransport",
    "AsyncTransport",
    "GrpcTransport",
    "Method",
    "Transport",
]


@dataclass(frozen=True)
class Method:
    """A method of a gRPC service.

    Attributes:
        path: As gRPC sends it.
        request: The request's message class.
        answer: The answer's message class.
    """

    path: str
    request: Any
    answer: Any


_PREDICTION: Final = "/tensorflow.serving.PredictionService"
PREDICT: Final = Method(f"{_PREDICTION}/Predict", messages.PredictRequest, messages.PredictResponse)
METADATA: Final = Method(
    f"{_PREDICTION}/GetModelMetadata", messages.GetModelMetadataRequest, messages.GetModelMetadataResponse
)
STATUS: Final = Method(
    "/tensorflow.serving.ModelService/GetModelStatus", messages.GetModelStatusRequest, messages.GetModelStatusResponse
)
HEALTH: Final = Method("/grpc.health.v1.Health/Check", messages.HealthCheckRequest, messages.HealthCheckResponse)
METHODS: Final = (PREDICT, METADATA, STATUS, HEALTH)

_READY: Final = grpc.ChannelConnectivity.READY
_TOO_LATE: Final = grpc.StatusCode.DEADLINE_EXCEEDED
_PROBE: Final = f"/{PROBE_SERVICE}/Check"
# It needs no time, unless a connection comes up meanwhile.
_PROBE_SECONDS: Final = 0.1
# What gRPC says of a server that answers in HTTP/1 (chttp2_transport.cc).
_NOT_HTTP2: Final = ("http1.x server", "Expected SETTINGS frame as the first frame")
# What its ways to balance the load say where they found no server (pick_first.cc, round_robin.cc).
_NO_ADDRESS: Final = ("failed to connect to all addresses", "connections to all backends failing")


class Transport(Protocol):
    """Sends the requests of a client; tests give their own."""

    def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Sends a request and waits for the answer.

        Args:
            method: Which call.
            request: A message of `method.request`.
            timeout: Longest time to wait, in seconds.

        Returns:
            A message of `method.answer`.

        Raises:
            StatusError: The call ended with another status than OK.
        """
        ...

    def close(self) -> None:
        """Closes the connection; no call comes after it."""
        ...


class AsyncTransport(Protocol):
    """Sends the requests of an asynchronous client."""

    async def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Sends a request and returns the response, as `Transport.call` does."""
        ...

    async def close(self) -> None:
        """Closes the connection, as `Transport.close` does."""
        ...


class GrpcTransport:
    """Calls over one gRPC channel, which connects again by itself."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel = endpoint.open(grpc)
        self._stubs = _stubs(self._channel)

    def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Sends a request over the channel, as `Transport.call` says."""
        try:
            return self._stubs[method.path](request, timeout=timeout, metadata=self._endpoint.metadata())
        except grpc.RpcError as error:
            probe_error = self._probe(error)
            http = _is_unreachable(error, probe_error) and self._endpoint.speaks_http()
            raise _translate(error, method, probe_error, http=http) from error

    def close(self) -> None:
        """Closes the channel, as `Transport.close` says."""
        self._channel.close()

    def _probe(self, error: Any) -> Any:
        """Returns the error of a connection that is not there at a call's deadline; None for any other `error`."""
        # The state is told to subscribers only, by a thread that outlives a closed channel.
        if error.code() is not _TOO_LATE or self._channel._channel.check_connectivity_state(False) == _READY.value[0]:
            return None
        try:
            self._stubs[_PROBE](b"", timeout=_PROBE_SECONDS)
        except grpc.RpcError as probe_error:
            return probe_error


class AsyncGrpcTransport:
    """Calls over one channel of `grpc.aio`, opened by the first call, in whose event loop it stays."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._channel: Any = None
        self._stubs: dict[str, Any] = {}

    async def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Sends a request over the channel, as `Transport.call` says."""
        if self._channel is None:
            self._channel = self._endpoint.open(grpc.aio)
            self._stubs = _stubs(self._channel)
        try:
            return await self._stubs[method.path](request, timeout=timeout, metadata=self._endpoint.metadata())
        except grpc.RpcError as error:
            probe_error = await self._probe(error)
            http = _is_unreachable(error, probe_error) and await asyncio.to_thread(self._endpoint.speaks_http)
            raise _translate(error, method, probe_error, http=http) from error

    async def close(self) -> None:
        """Closes the channel, as `Transport.close` says."""
        if self._channel is not None:
            await self._channel.close()

    async def _probe(self, error: Any) -> Any:
        """Returns the error of a connection that is not there, as `GrpcTransport._probe`, for this channel."""
        if error.code() is not _TOO_LATE or self._channel.get_state() is _READY:
            return None
        try:
            await self._stubs[_PROBE](b"", timeout=_PROBE_SECONDS)
        except grpc.RpcError as probe_error:
            return probe_error


def _stubs(channel: Any) -> dict[str, Any]:
    return {
        _PROBE: channel.unary_unary(_PROBE),
        **{
            method.path: channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            for method in METHODS
        },
    }


def _is_unreachable(error: Any, probe_error: Any) -> bool:
    """Returns whether a call, or the probe after it, ended since no address could be connected to."""
    last = probe_error or error
    return last.code() is grpc.StatusCode.UNAVAILABLE and any(text in (last.details() or "") for text in _NO_ADDRESS)


def _translate(error: Any, method: Method, probe_error: Any, *, http: bool) -> StatusError:
    """Translates an error of gRPC into one of the client.

    Args:
        error: What the call ended with.
        method: The call.
        probe_error: What a probe of the connection ended with, where the call's time was over and there was none.
        http: Whether one of the addresses answers in HTTP/1.
    """
    code, details = error.code(), error.details() or ""
    if probe_error is not None and probe_error.code() in (grpc.StatusCode.UNAVAILABLE, _TOO_LATE):
        reason = "still connecting" if probe_error.code() is _TOO_LATE else probe_error.details()
        code, details = grpc.StatusCode.UNAVAILABLE, f"no connection within the deadline: {reason}"
    if http or any(text in details for text in _NOT_HTTP2):
        details = f"this is no gRPC port but a REST port or the like; give the server's gRPC port: {details}"
    return status_error(code, details, method.path)
