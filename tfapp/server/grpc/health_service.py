"""The health service, whose watchers hold up nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

__all__ = ["HealthService"]


class HealthService(health_pb2_grpc.HealthServicer):
    """The health service of gRPC: all services are healthy until the server stops.

    That of grpcio-health-checking (1.85) sends while it holds its lock: one watcher who does not read stops all checks,
    and the shutdown. Here each watcher has a queue of its own, and no lock is held while a message is sent.

    Args:
        services: The names of the services; "" is the whole server.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._statuses = dict.fromkeys(services, health_pb2.HealthCheckResponse.SERVING)
        self._lock = threading.Lock()
        # The name of the service that each watcher asks for, by the watcher's statuses that are not sent yet.
        self._watches: dict[SimpleQueue[int | None], str] = {}
        self._is_stopped = False

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns the status of a service."""
        status = self._statuses.get(request.service)
        if status is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
        return health_pb2.HealthCheckResponse(status=status)

    def Watch(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """Yields the status of a service now, and again when the server stops, which ends the call."""
        updates: SimpleQueue[int | None] = SimpleQueue()
        self._add(updates, request.service)
        try:
            # gRPC calls back at the call's end, from the thread that serves all calls; nothing waits there.
            if not context.add_callback(lambda: updates.put(None)):
                return
            while (status := updates.get()) is not None:
                yield health_pb2.HealthCheckResponse(status=status)
        finally:
            with self._lock:
                self._watches.pop(updates, None)

    def stop(self) -> None:
        """Says to all watchers that no service is healthy any more, and ends their calls."""
        with self._lock:
            self._is_stopped = True
            self._statuses = dict.fromkeys(self._statuses, health_pb2.HealthCheckResponse.NOT_SERVING)
            watches, self._watches = self._watches, {}
        for updates, service in watches.items():
            if service in self._statuses:
                updates.put(health_pb2.HealthCheckResponse.NOT_SERVING)
            updates.put(None)

    def _add(self, updates: SimpleQueue[int | None], service: str) -> None:
        with self._lock:
            updates.put(self._statuses.get(service, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN))
            if self._is_stopped:
                updates.put(None)
            else:
                self._watches[updates] = service
