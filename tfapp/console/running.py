"""Runs the console until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.applications import Starlette

from tfapp.console.access import Access
from tfapp.errors import ServerError

__all__ = ["listen", "run"]

_BACKLOG: Final = 128
# What pages that are being made get to end.
_STOP_SECONDS: Final = 5


def listen(access: Access) -> socket.socket:
    """Opens the port.

    Raises:
        ServerError: It is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in access.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((access.host, access.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        problem = error.strerror or error
        raise ServerError(f"cannot listen on {access.host}:{access.port}: {problem}; give another --port") from error
    return listening


def run(app: Starlette, access: Access, listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serves pages until SIGINT or SIGTERM.

    Args:
        app: The console.
        access: Has the TLS files.
        listening: The open port.
        ready: Called when pages can be had.
    """
    certificate, key = access.tls or (None, None)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    _Server(config, ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
