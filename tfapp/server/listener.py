"""The interface of a server's listeners, their shared context and limit of requests, and checks of ports."""

from __future__ import annotations

import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import grpc

from tfapp.core.log_interval import LogInterval
from tfapp.core.ports import join_address
from tfapp.errors import ServerError
from tfapp.server.request_context import caller_address
from tfapp.server.request_errors import RequestError

if TYPE_CHECKING:
    from tfapp.server.loading.model_manager import ModelManager
    from tfapp.server.metrics import Metrics
    from tfapp.server.settings import ServerSettings

__all__ = ["ConcurrencyLimiter", "Listener", "ListenerContext", "check_free", "check_socket"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListenerContext:
    """The parts of a server that all of its listeners share.

    Attributes:
        manager: What is loaded.
        settings: Where and how to listen.
        limiter: How many requests are worked on or wait at the same time, whichever way they came.
        metrics: What is counted.
    """

    manager: ModelManager
    settings: ServerSettings
    limiter: ConcurrencyLimiter
    metrics: Metrics


class Listener(Protocol):
    """A port of a server, which checks all of its listeners, loads its models, then starts the listeners in order."""

    def check(self) -> None:
        """Checks, before the models are loaded, which takes its time, that it can start.

        Raises:
            ServerError: Its port is taken.
        """

    def start(self) -> None:
        """Starts to take calls.

        Raises:
            ServerError: It cannot listen.
        """

    def refuse(self, seconds: float) -> None:
        """Refuses new calls from now on, and cuts off those that still run after that time; returns at once."""

    def wait(self, seconds: float) -> bool:
        """Waits until its last call has ended; False: one goes on after that time."""


def check_free(host: str, port: int, flag: str) -> None:
    """Checks that a port can be listened on; 0 always can.

    Raises:
        ServerError: It cannot.
    """
    if port == 0:
        return
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise ServerError(
            f"cannot listen on {join_address(host, port)}: {error.strerror or error}; stop what uses the port, or "
            f"choose another with {flag} (0: any free one)"
        ) from error


def check_socket(path: Path) -> None:
    """Checks that nobody listens on a UNIX socket; gRPC would take it away from them without a word.

    Raises:
        ServerError: Somebody does, or there is a file of that name, or no folder for it.
    """
    if not path.parent.is_dir():
        raise ServerError(f"cannot listen on {path}: no folder {path.parent}; make it first")
    if path.exists() and not path.is_socket():
        raise ServerError(f"cannot listen on {path}: there is a file of that name; remove it, or choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError as error:
            if "too long" in str(error):
                raise ServerError(
                    f"cannot listen on {path}: the path is too long for a UNIX socket; choose a shorter one"
                ) from error
            return
    raise ServerError(f"cannot listen on {path}: another server does; stop it, or choose another --grpc_socket_path")


class ConcurrencyLimiter:
    """A count of requests that are worked on, up to a maximum.

    One caller's many calls do not shut out others: beyond the maximum, half as many have room whose address has less
    than an equal share, and a quarter as many whose connection has.

    Args:
        max_requests: The maximum.
        kind: What is counted, for messages.
        flag: The flag that sets the maximum, for messages.
        refusal: What a caller is told who is refused; None: the bound.

    Attributes:
        total: The maximum with what it has in reserve.
    """

    def __init__(
        self,
        max_requests: int,
        *,
        kind: str = "request",
        flag: str = "--grpc_max_threads",
        refusal: str | None = "Server Threadpool Exhausted",
    ) -> None:
        self._max_requests = max_requests
        self._kind = kind
        self._flag = flag
        self._refusal = refusal
        self._reserve = max_requests // 4
        self._lock = threading.Lock()
        self._count = 0
        self._by_connection: Counter[str] = Counter()
        self._by_address: Counter[str] = Counter()
        self._log_interval = LogInterval()
        self.total = max_requests + 2 * self._reserve

    def acquire(self, connection: str) -> None:
        """Counts a request that begins.

        Args:
            connection: The caller's address and port, with or without gRPC's prefix.

        Raises:
            RequestError: There are too many; for requests in TensorFlow Serving's words.
        """
        address = caller_address(connection)
        with self._lock:
            if self._has_few(self._by_address, address):
                limit = self.total
            else:
                limit = self._max_requests + self._reserve * self._has_few(self._by_connection, connection)
            if self._count >= limit:
                raise self._error(address)
            self._count += 1
            self._by_connection[connection] += 1
            self._by_address[address] += 1

    def release(self, connection: str) -> None:
        """Counts a request that has ended."""
        with self._lock:
            self._count -= 1
            for counts, key in (self._by_connection, connection), (self._by_address, caller_address(connection)):
                counts[key] -= 1
                if not counts[key]:
                    del counts[key]

    def _error(self, address: str) -> RequestError:
        """Returns the error of a request that is refused; the log has its limit, once a second at most."""
        bound = f"{self._count} are in work, of at most {self._max_requests} for callers with many ({self._flag})"
        if self._log_interval.begin():
            _log.warning("refused a %s of %s: %s", self._kind, address, bound)
        text = self._refusal or f"too many {self._kind}s: {bound}"
        return RequestError(grpc.StatusCode.RESOURCE_EXHAUSTED, text)

    @contextmanager
    def hold(self, connection: str) -> Iterator[None]:
        """Counts the request that the block works on.

        Raises:
            RequestError: As `acquire`.
        """
        self.acquire(connection)
        try:
            yield
        finally:
            self.release(connection)

    def _has_few(self, counts: Counter[str], key: str) -> bool:
        callers = len(counts) + (key not in counts)
        return counts[key] < max(1, self._max_requests // callers)
