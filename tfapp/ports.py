"""Ports that web servers listen on, and what all of these servers are set to."""

from __future__ import annotations

import socket
from typing import Any, Final

from tfapp.errors import ServerError

__all__ = ["QUIET_HTTP", "join_address", "open_port"]

_LARGEST: Final = 65535

QUIET_HTTP: Final[dict[str, Any]] = {
    "http": "httptools",
    "ws": "none",
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
}
"""Arguments of `uvicorn.Config`: no log of its own, no WebSockets, and no trust in what a proxy says."""


def open_port(host: str, port: int, *, backlog: int, advice: str = "", family: int = 0) -> socket.socket:
    """Listens on a port.

    Args:
        host: An address or a name.
        port: 0 takes a free one.
        backlog: Connections that may wait.
        advice: What the error ends with.
        family: Of the host's addresses; 0: whichever comes first.

    Raises:
        ServerError: It is taken or no port, or the address is none of this machine's.
    """
    if not 0 <= port <= _LARGEST:
        raise ServerError(f"cannot listen on {join_address(host, port)}: a port is from 0 to {_LARGEST}{advice}")
    listening: socket.socket | None = None
    try:
        found = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # asyncio sends small answers at once (TCP_NODELAY) only where a socket says that it is TCP's.
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(backlog)
    except OSError as error:
        if listening:
            listening.close()
        problem = error.strerror or error
        raise ServerError(f"cannot listen on {join_address(host, port)}: {problem}{advice}") from error
    return listening


def join_address(host: str, port: int) -> str:
    """Writes HOST:PORT, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
