"""Runs the console until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.applications import Starlette

from tfapp.core.connections import ConnectionGate, ConnectionLimits, GuardedSocket
from tfapp.core.ports import open_port
from tfapp.core.web_server import web_config
from tfapp.web.access import Access

__all__ = ["listen", "run"]

_BACKLOG: Final = 128
# What pages that are being made get to end.
_STOP_SECONDS: Final = 5


def listen(access: Access) -> GuardedSocket:
    """Opens the port.

    Raises:
        ServerError: It is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    gate = ConnectionGate(ConnectionLimits(), "console", tls=access.tls is not None)
    return open_port(
        access.host, access.port, backlog=_BACKLOG, advice="; give another --port", family=family, gate=gate
    )


def run(app: Starlette, access: Access, listener: GuardedSocket, *, on_ready: Callable[[], None]) -> None:
    """Serves pages on an open port until SIGINT or SIGTERM; calls `on_ready` when pages can be had."""
    certificate, key = access.tls or (None, None)
    config = web_config(
        app,
        listener.gate,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    _ConsoleServer(config, on_ready).run(sockets=[listener])


class _ConsoleServer(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
