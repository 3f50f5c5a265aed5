"""The REST port: an HTTP server in a thread of its own."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import uvicorn
from starlette.middleware.cors import CORSMiddleware

from tfapp.core.connections import ConnectionGate, ConnectionLimits
from tfapp.core.ports import open_port
from tfapp.core.web_server import WebLoop, web_config
from tfapp.errors import ServerError
from tfapp.server.listener import ListenerContext, check_free
from tfapp.server.rest.app import RestApp
from tfapp.server.settings import ServerSettings
from tfapp.server.tls import server_context

__all__ = ["RestListener"]

_FLAG: Final = "--rest_api_port"
_BACKLOG: Final = 2048
# Limits of connections, and what follows --rest_api_ in the flag of each.
_LIMITS: Final = {
    "header_seconds": "header_timeout_seconds",
    "body_seconds": "body_timeout_seconds",
    "keep_alive_seconds": "keep_alive_seconds",
    "header_bytes": "max_header_bytes",
    "connections": "max_connections",
    "address_connections": "max_connections_per_address",
}
# What connections get to take their last answer, and threads to end, once the time of a stop is over.
_LAST_SECONDS: Final = 2.0


class RestListener:
    """The listener of the REST port.

    Args:
        context: What it has in common with other ways in. Its settings have a REST port.

    Attributes:
        port: The port it listens on; 0 before `start`.
    """

    def __init__(self, context: ListenerContext) -> None:
        self._settings = context.settings
        self._pool = ThreadPoolExecutor(self._settings.rest_api_num_threads, thread_name_prefix="rest")
        self._app = RestApp(context, self._pool)
        self.port = 0
        self._gate = ConnectionGate(_limits(self._settings), "REST", tls=self._settings.rest_tls)
        self._server = uvicorn.Server(_config(self._app, self._settings, self._gate))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None

    def check(self) -> None:
        """Checks that the port can be listened on, as `Listener.check` says."""
        port = self._settings.rest_api_port or 0
        if port and port == self._settings.port:
            raise ServerError(f"--port and {_FLAG} are both {port}; gRPC and REST need one each")
        check_free(self._settings.host, port, _FLAG)

    def start(self) -> None:
        """Opens the port and starts to take calls, as `Listener.start` says."""
        port = self._settings.rest_api_port or 0
        listening_socket = open_port(self._settings.host, port, backlog=_BACKLOG, gate=self._gate)
        self.port = listening_socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(listening_socket,), name="rest", daemon=True)
        self._thread.start()
        self._ready.wait()

    def refuse(self, seconds: float) -> None:
        """Refuses new calls, as `Listener.refuse` says."""
        if self._loop is None:
            return
        self._app.refuse()
        self._server.should_exit = True
        try:
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._app.cut_connections)
        except RuntimeError:
            # It has ended already.
            return

    def wait(self, seconds: float) -> bool:
        """Waits until the last call has ended, as `Listener.wait` says."""
        if self._thread is None:
            return True
        end = time.monotonic() + seconds
        self._thread.join(seconds)
        self._pool.shutdown(wait=False, cancel_futures=True)
        seconds_left = max(0.0, min(_LAST_SECONDS, end - time.monotonic()))
        return not self._thread.is_alive() and self._app.wait(seconds_left)

    def _serve(self, listening_socket: socket.socket) -> None:
        with asyncio.Runner(loop_factory=WebLoop) as runner:
            self._loop = runner.get_loop()
            self._ready.set()
            runner.run(self._server.serve([listening_socket]))


def _limits(settings: ServerSettings) -> ConnectionLimits:
    fields = {name: f"rest_api_{flag}" for name, flag in _LIMITS.items()}
    return ConnectionLimits(
        **{name: getattr(settings, flag) for name, flag in fields.items()},
        flags={name: f"--{flag}" for name, flag in fields.items()},
    )


def _config(app: Any, settings: ServerSettings, gate: ConnectionGate) -> uvicorn.Config:
    tls = settings.tls if settings.rest_tls else None
    if settings.rest_api_enable_cors_support:
        app = CORSMiddleware(app, allow_origins=["*"], allow_methods=["POST", "GET"], allow_headers=["Content-Type"])
    return web_config(
        app,
        gate,
        lifespan="off",
        interface="asgi3",
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds + _LAST_SECONDS),
        ssl_context_factory=(lambda *_: server_context(tls)) if tls else None,
    )
