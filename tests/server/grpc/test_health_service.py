from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from grpc_health.v1 import health_pb2

from tfapp.server.grpc.health_service import HealthService


class _Context:
    def __init__(self, *, is_active: bool = True) -> None:
        self.is_active = is_active
        self.at_end: list[Callable[[], None]] = []

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.at_end.append(callback)
        return self.is_active


def test_a_watch_ends_while_another_sends() -> None:
    """The thread that tells of the end serves all calls, and sees what is sent."""
    service, first = HealthService(), _Context()
    request, end = health_pb2.HealthCheckRequest(), threading.Event()
    service.Watch(request, first, lambda response: None if response else end.set())
    is_free: list[bool] = []

    def send(response: Any) -> None:
        serving = threading.Thread(target=first.at_end[0], daemon=True)
        serving.start()
        serving.join(10)
        is_free.append(not serving.is_alive())

    service.Watch(request, _Context(), send)
    assert is_free == [True]
    assert end.wait(30)


def test_a_watch_that_has_ended_already_is_not_kept() -> None:
    service, end = HealthService(), threading.Event()
    request = health_pb2.HealthCheckRequest()
    service.Watch(request, _Context(is_active=False), lambda response: None if response else end.set())
    assert end.wait(30)
