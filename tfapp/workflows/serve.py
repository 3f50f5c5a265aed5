"""Serves a models folder in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfapp_client import Client

    from tfapp.server import ServerSettings

__all__ = ["ServedModels", "serve"]


@dataclass(frozen=True)
class ServedModels:
    """A running model server and a client to it.

    Attributes:
        address: HOST:PORT.
        client: Connected to it.
    """

    address: str
    client: Client


@contextmanager
def serve(models: str | Path, *, port: int = 0, settings: ServerSettings | None = None) -> Iterator[ServedModels]:
    """Serves a models folder over gRPC while the block runs.

    Args:
        models: The models folder.
        port: 0 takes a free one.
        settings: How to listen, batch and stop.

    Yields:
        Address and client.

    Raises:
        ServerError: The port is in use.
        RegistryError: There is no model in the folder.
    """
    from tfapp_client import Client

    from tfapp.server import running_server

    with running_server(models, settings=settings, port=port) as server, Client(server.address) as client:
        yield ServedModels(server.address, client)
