"""Bounds on the connections of a web port: how many are open, how long they may be silent, how large headers are."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import json
import logging
import resource
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Final

from tfapp.core.log_interval import LogInterval

__all__ = [
    "ConnectionGate",
    "ConnectionLimits",
    "GuardedConnection",
    "GuardedSocket",
    "caller_network",
    "connection_budget",
    "descriptor_limit",
    "refusal",
]

_log = logging.getLogger(__name__)

# What a process has open beside connections: libraries, models that are being loaded, databases, logs.
_RESERVED_DESCRIPTORS: Final = 128
# More would be of no use to the threads behind a port.
_MOST_CONNECTIONS: Final = 8192
_LEAST_CONNECTIONS: Final = 16
# The system's own errors that mean "not now": the next attempt may succeed.
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
# Connections accepted in one turn of the event loop, so that those that end are closed in between.
_ACCEPTED_AT_ONCE: Final = 8
_IPV6_NETWORK_BITS: Final = 64


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of a web port's connections; sizes in bytes, times in seconds.

    Attributes:
        header_seconds: From the connection, or the first byte of a further request, to the end of the header; the TLS
            handshake included.
        body_seconds: The longest silence within a body, or of a caller who does not take an answer.
        body_rate: The least bytes a second of a body on the whole.
        keep_alive_seconds: How long a connection may wait for its next request.
        header_bytes: The largest request line and header together, or trailer.
        connections: The most open connections; 0: by the limit of open files.
        address_connections: The most of one address (IPv6: of one /64 network); 0: three quarters of all.
        flags: The flags that set these, by the names here, for messages.
    """

    header_seconds: float = 30.0
    body_seconds: float = 60.0
    body_rate: int = 500
    keep_alive_seconds: float = 75.0
    header_bytes: int = 65_536
    connections: int = 0
    address_connections: int = 0
    flags: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Returns the most open connections."""
        return self.connections or connection_budget(2)

    @property
    def by_address(self) -> int:
        """Returns the most open connections of one address."""
        return min(self.total, self.address_connections or max(1, self.total * 3 // 4))

    def flag_of(self, limit: str) -> str:
        """Returns the flag that sets a limit, in brackets, or nothing."""
        return f" ({self.flags[limit]})" if limit in self.flags else ""


def connection_budget(ports: int) -> int:
    """Returns how many connections each of some ports may have, so that descriptors remain for everything else."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return min(_MOST_CONNECTIONS, max(_LEAST_CONNECTIONS, (soft - _RESERVED_DESCRIPTORS) // ports))


def descriptor_limit() -> str:
    """Returns what `connection_budget` follows from, for messages."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f"ulimit -n ({'unlimited' if soft == resource.RLIM_INFINITY else soft})"


def refusal(status: str, text: str) -> bytes:
    """Writes an HTTP answer after which the connection ends."""
    body = json.dumps({"error": text}).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + body


@dataclass
class _AddressConnections:
    """The connections of one address, and those of them that wait for a request or its body, the oldest first."""

    open: int = 0
    waiting: dict[GuardedConnection, None] = field(default_factory=dict)


class ConnectionGate:
    """Counts the connections of a port, in total and by address.

    Where there are as many as may be, the one that has waited longest for a request, or for more of its body, makes
    room for a new one, so silent callers shut nobody out; a connection whose request is at work is never ended for
    another.

    Args:
        limits: The limits.
        name: The port's name in the log.
        tls: Whether the port speaks TLS, where a refusal cannot be written in plain text.
    """

    def __init__(self, limits: ConnectionLimits, name: str, *, tls: bool = False) -> None:
        self.limits = limits
        self._name = name
        self._tls = tls
        self._total, self._by_address = limits.total, limits.by_address
        self._open: set[GuardedConnection] = set()
        # The newest of each port of a caller, who may use it again before the end of the last one is seen here.
        self._newest: dict[Any, GuardedConnection] = {}
        self._callers: dict[str, _AddressConnections] = {}
        self._log_interval = LogInterval()

    @property
    def open(self) -> int:
        """Returns how many connections are open."""
        return len(self._open)

    def admit(self, connection: GuardedConnection) -> bool:
        """Takes a connection, or answers that it is one too many and ends it."""
        problem = self._make_room(connection.address)
        if problem:
            self._refuse(connection, problem)
            return False
        caller = self._callers.setdefault(connection.address, _AddressConnections())
        caller.open += 1
        caller.waiting[connection] = None
        self._open.add(connection)
        self._newest[connection.peer] = connection
        connection.gate = self
        return True

    def begin(self, peer: Any) -> None:
        """Records that a connection's request is at work."""
        if connection := self._newest.get(peer):
            self._callers[connection.address].waiting.pop(connection, None)

    def wait(self, peer: Any) -> None:
        """Records that a connection waits from now on, for its next request or for more of a body."""
        if connection := self._newest.get(peer):
            queue = self._callers[connection.address].waiting
            queue.pop(connection, None)
            queue[connection] = None

    def forget(self, connection: GuardedConnection) -> None:
        """Records that a connection is closed, or about to be."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        if self._newest.get(connection.peer) is connection:
            del self._newest[connection.peer]
        caller = self._callers[connection.address]
        caller.open -= 1
        caller.waiting.pop(connection, None)
        if not caller.open:
            del self._callers[connection.address]

    def report(self, problem: str) -> None:
        """Logs a problem of the port, once a second at most."""
        if self._log_interval.begin():
            _log.warning("%s: %s", self._name, problem)

    def _make_room(self, address: str) -> str:
        """Ends a connection where there are too many; returns why that cannot be done, or nothing."""
        caller = self._callers.get(address)
        if caller and caller.open >= self._by_address:
            bound = f"the most that one address may have{self.limits.flag_of('address_connections')}"
            if not self._end_oldest(caller, f"{caller.open} are {bound}"):
                return f"{address} has {caller.open} connections at work, {bound}"
        if len(self._open) >= self._total:
            bound = f"the most that there may be{self.limits.flag_of('connections')}"
            widest = max(self._callers.values(), key=lambda caller: len(caller.waiting))
            if not self._end_oldest(widest, f"{len(self._open)} are {bound}"):
                return f"{len(self._open)} connections are at work, {bound}"
        return ""

    def _end_oldest(self, caller: _AddressConnections, bound: str) -> bool:
        if not caller.waiting:
            return False
        connection = next(iter(caller.waiting))
        self.forget(connection)
        self.report(f"closed the oldest silent connection of {connection.address}, to take a new one: {bound}")
        # The event loop sees the end and closes it.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        return True

    def _refuse(self, connection: GuardedConnection, problem: str) -> None:
        self.report(f"refused a connection: {problem}")
        with contextlib.suppress(OSError):
            connection.setblocking(False)
            if not self._tls:
                connection.send(refusal("503 Service Unavailable", problem))
                # What is unread when a socket closes would take the answer with it.
                connection.recv(65_536)
        connection.close()


class GuardedConnection(socket.socket):
    """A socket that tells its gate when it closes.

    Args:
        connection: The socket as it was accepted, which this one takes over.
        peer: The caller's address and port.

    Attributes:
        peer: The same.
        address: What its caller is counted by.
        gate: The gate that admitted it.
    """

    def __init__(self, connection: socket.socket, peer: Any) -> None:
        super().__init__(connection.family, connection.type, connection.proto, fileno=connection.detach())
        self.peer = peer
        self.address = caller_network(str(peer[0])) if isinstance(peer, tuple) else "local"
        self.gate: ConnectionGate | None = None

    def close(self) -> None:
        """Closes the connection, and tells the gate."""
        super().close()
        if self.gate is not None:
            self.gate.forget(self)


class GuardedSocket(socket.socket):
    """A listening socket that accepts the connections that its gate admits.

    Attributes:
        gate: Set once, before the first is accepted.
    """

    gate: ConnectionGate
    _accept_count = 0
    _exhausted_since = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accepts a connection.

        Raises:
            BlockingIOError: There is none, or it is another's turn.
            OSError: Descriptors or memory are used up; once in half a second, as the event loop, which pauses for a
                second, first tries again as often as its backlog is long.
        """
        while self._accept_count < _ACCEPTED_AT_ONCE:
            self._accept_count += 1
            connection = self._next()
            if self.gate.admit(connection):
                return connection, connection.peer
        self._accept_count = 0
        raise BlockingIOError

    def _next(self) -> GuardedConnection:
        try:
            return GuardedConnection(*super().accept())
        except OSError as error:
            self._accept_count = 0
            now = time.monotonic()
            if error.errno in _EXHAUSTED:
                if now - self._exhausted_since < 0.5:
                    raise BlockingIOError from error
                self._exhausted_since = now
            raise


def caller_network(address: str) -> str:
    """Returns the network of a caller's IPv6 address, as everybody has many addresses of one, or the IPv4 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False))
