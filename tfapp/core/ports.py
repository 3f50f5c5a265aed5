"""Ports that web servers listen on."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from tfapp.core.connections import ConnectionGate, ConnectionLimits, GuardedSocket
from tfapp.errors import ServerError

__all__ = ["is_loopback", "join_address", "open_port"]

_LARGEST: Final = 65535


def open_port(
    host: str, port: int, *, backlog: int, advice: str = "", family: int = 0, gate: ConnectionGate | None = None
) -> GuardedSocket:
    """Listens on a port.

    Args:
        host: An address or a name.
        port: 0 takes a free one.
        backlog: Connections that may wait.
        advice: What the error ends with.
        family: Of the host's addresses; 0: whichever comes first.
        gate: Admits connections; None: one with the default limits.

    Raises:
        ServerError: It is taken or no port, or the address is none of this machine's.
    """
    if not 0 <= port <= _LARGEST:
        raise ServerError(f"cannot listen on {join_address(host, port)}: a port is from 0 to {_LARGEST}{advice}")
    listener: GuardedSocket | None = None
    try:
        addresses = socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = addresses[0]
        # asyncio sends small answers at once (TCP_NODELAY) only where a socket says that it is TCP's.
        listener = GuardedSocket(family, kind, protocol)
        listener.gate = gate or ConnectionGate(ConnectionLimits(), join_address(host, port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as error:
        if listener:
            listener.close()
        problem = error.strerror or error
        raise ServerError(f"cannot listen on {join_address(host, port)}: {problem}{advice}") from error
    return listener


def join_address(host: str, port: int) -> str:
    """Writes HOST:PORT, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach an address, as far as its name tells."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
