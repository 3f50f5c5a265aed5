"""The health service, whose watches must not stop the thread that serves all calls."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health

__all__ = ["HealthService"]


class HealthService(health.HealthServicer):
    """The health service of gRPC, without its deadlock.

    gRPC's own holds a lock while a watch sends a status, until the thread that serves all calls has seen it sent. That
    thread waits for the same lock where another watch ends (grpcio-health-checking 1.85), and no call is answered any
    more. So watches end in a thread of their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ending = ThreadPoolExecutor(1, thread_name_prefix="health")

    def Watch(self, request: Any, context: grpc.ServicerContext, send_response_callback: Any = None) -> Any:  # noqa: N802
        """Sends the status of a service now, and whenever it changes."""
        return super().Watch(request, _EndingContext(context, self._ending), send_response_callback)


class _EndingContext:
    """The context of a watch, as far as the service uses it."""

    def __init__(self, context: grpc.ServicerContext, ending: ThreadPoolExecutor) -> None:
        self._context = context
        self._executor = ending

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Runs a callback when the watch ends; at once where it has ended, or it would be kept for ever."""
        if not self._context.add_callback(lambda: self._executor.submit(callback)):
            self._executor.submit(callback)
        return True
