from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from tfapp.server.grpc.health_service import HealthService

_SERVING, _NOT_SERVING, _SERVICE_UNKNOWN = (
    health_pb2.HealthCheckResponse.SERVING,
    health_pb2.HealthCheckResponse.NOT_SERVING,
    health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
)


class _Context:
    def __init__(self, *, is_active: bool = True) -> None:
        self.is_active = is_active
        self.at_end: list[Callable[[], None]] = []
        self.code: grpc.StatusCode | None = None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.at_end.append(callback)
        return self.is_active

    def abort(self, code: grpc.StatusCode, _details: str) -> None:
        self.code = code
        raise RuntimeError


def _request(service: str = "") -> Any:
    return health_pb2.HealthCheckRequest(service=service)


def _watch(service: HealthService, name: str = "", context: _Context | None = None) -> Any:
    return service.Watch(_request(name), context or _Context())  # type: ignore[arg-type]


def test_a_watcher_who_does_not_read_holds_up_nobody() -> None:
    """What a watch has yielded is being sent until the next one is asked for."""
    service = HealthService(("", "PredictionService"))
    stuck, reader, unknown = _watch(service), _watch(service, "PredictionService"), _watch(service, "x")
    assert next(stuck).status == next(reader).status == _SERVING
    assert next(unknown).status == _SERVICE_UNKNOWN
    assert service.Check(_request(), _Context()).status == _SERVING  # type: ignore[arg-type]
    service.stop()
    assert [answer.status for answer in reader] == [_NOT_SERVING]
    assert list(unknown) == []
    assert service.Check(_request(), _Context()).status == _NOT_SERVING  # type: ignore[arg-type]
    assert [answer.status for answer in _watch(service)] == [_NOT_SERVING]


def test_a_watch_ends_with_its_call() -> None:
    service, context = HealthService(("",)), _Context()
    watch = _watch(service, context=context)
    next(watch)
    context.at_end[0]()
    assert list(watch) == []
    assert list(_watch(service, context=_Context(is_active=False))) == []


def test_a_service_that_is_not_there_is_not_found() -> None:
    context = _Context()
    with pytest.raises(RuntimeError):
        HealthService(("",)).Check(_request("x"), context)  # type: ignore[arg-type]
    assert context.code is grpc.StatusCode.NOT_FOUND
