"""The gRPC port: its services, its limits, its credentials."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    model_service_pb2,
    model_service_pb2_grpc,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from tfapp.core.ports import join_address
from tfapp.errors import ServerError
from tfapp.server.grpc.channel_options import channel_options, connection_bound
from tfapp.server.grpc.deserialization_interceptor import DeserializationInterceptor
from tfapp.server.grpc.health_service import HealthService
from tfapp.server.grpc.message_timeouts import MessageTimeouts, most_waiting_calls
from tfapp.server.grpc.model_service import ModelService
from tfapp.server.grpc.prediction_service import PredictionService
from tfapp.server.grpc.reload_permissions import ReloadPermissions
from tfapp.server.grpc.streaming_calls import StreamingCalls
from tfapp.server.listener import ListenerContext, check_free, check_socket
from tfapp.server.tls import server_context, server_credentials
from tfapp.server.unread_answers import UnreadAnswers

__all__ = ["GrpcListener"]

_log = logging.getLogger(__name__)

# The names that TensorFlow Serving gives its services in its health service; "" is the whole server.
_HEALTH_NAMES: Final = ("", "PredictionService", "ModelService")
# Threads beside those of the requests: they refuse what is too much, and answer for health and status meanwhile.
_SPARE_THREADS: Final = 8


class GrpcListener:
    """The listener of the gRPC port, and of its UNIX socket.

    Args:
        context: What it has in common with other ways in.

    Attributes:
        port: The port it listens on; 0 before `start`.
    """

    def __init__(self, context: ListenerContext) -> None:
        self._context = context
        self._settings = context.settings
        self.port = 0
        self._health = HealthService(_HEALTH_NAMES)
        self._most_waiting = most_waiting_calls(context.settings.grpc_max_threads)
        self._timeouts = MessageTimeouts(
            context.settings.grpc_message_timeout_seconds,
            UnreadAnswers(context.settings.max_pending_answer_bytes),
            self._most_waiting,
        )
        self._server: Any = None
        self._stopped: threading.Event | None = None

    def check(self) -> None:
        """Checks that the port can be listened on, as `Listener.check` says."""
        check_free(self._settings.host, self._settings.port, "--port")
        if self._settings.grpc_socket_path is not None:
            check_socket(self._settings.grpc_socket_path)
        if self._settings.tls is not None:
            # gRPC itself would check key and certificates only when a client comes.
            server_context(self._settings.tls)

    def start(self) -> None:
        """Opens the port and starts to take calls, as `Listener.start` says."""
        streams = StreamingCalls(self._settings.grpc_max_threads, self._timeouts)
        threads = self._context.limiter.total + self._most_waiting + _SPARE_THREADS
        self._server = grpc.server(
            ThreadPoolExecutor(threads, thread_name_prefix="call"),
            interceptors=[DeserializationInterceptor(self._timeouts, streams)],
            options=list({**channel_options(self._settings), **self._settings.grpc_channel_arguments}.items()),
        )
        self._register_services()
        self.port = self._bind(join_address(self._settings.host, self._settings.port))
        if self._settings.grpc_socket_path is not None:
            self._bind(f"unix:{self._settings.grpc_socket_path}")
        self._server.start()
        _log.info(connection_bound(self._settings))

    def refuse(self, seconds: float) -> None:
        """Refuses new calls, as `Listener.refuse` says."""
        self._health.stop()
        if self._server is not None:
            self._stopped = self._server.stop(seconds)
        self._timeouts.close()

    def wait(self, seconds: float) -> bool:
        """Waits until the last call has ended, as `Listener.wait` says."""
        return self._stopped is None or self._stopped.wait(seconds)

    def _bind(self, address: str) -> int:
        tls = self._settings.tls
        try:
            if tls is None:
                return int(self._server.add_insecure_port(address))
            return int(self._server.add_secure_port(address, server_credentials(tls)))
        except RuntimeError as error:
            raise ServerError(f"cannot listen on {address}: {error}") from error

    def _register_services(self) -> None:
        settings, server = self._settings, self._server
        prediction = PredictionService(self._context)
        manager = self._context.manager
        model = ModelService(
            manager,
            ReloadPermissions(settings, manager.models()),
            allow_unavailable=settings.allow_version_labels_for_unavailable_models,
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
        names = [
            prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].full_name,
            model_service_pb2.DESCRIPTOR.services_by_name["ModelService"].full_name,
            reflection.SERVICE_NAME,
        ]
        if settings.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            names.append(health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
        reflection.enable_server_reflection(names, server)
