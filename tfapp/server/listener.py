"""The interface of a server's listeners, what they share, and checks that a port is free."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tfapp.core.ports import join_address
from tfapp.errors import ServerError

if TYPE_CHECKING:
    from tfapp.server.concurrency_limiter import ConcurrencyLimiter
    from tfapp.server.loading.model_manager import ModelManager
    from tfapp.server.metrics import Metrics
    from tfapp.server.settings import ServerSettings

__all__ = ["Listener", "ListenerContext", "check_free", "check_socket"]


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
        raise ServerError(f"cannot listen on {path}: no folder {path.parent}")
    if path.exists() and not path.is_socket():
        raise ServerError(f"cannot listen on {path}: there is a file of that name")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError as error:
            if "too long" in str(error):
                raise ServerError(f"cannot listen on {path}: the path is too long for a UNIX socket") from error
            return
    raise ServerError(f"cannot listen on {path}: another server does; stop it, or choose another --grpc_socket_path")
