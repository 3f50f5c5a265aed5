"""Where an application's models are served: here, by a server that is started when it is needed, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfapp_client import Client
from tfapp_client.errors import ClientError

from tfapp import api
from tfapp.registry import versions

__all__ = ["ModelServer"]


@dataclass(frozen=True)
class ModelServer:
    """The models of an application, and how they are reached.

    Attributes:
        folder: The models folder.
        address: HOST:PORT of a model server; None: one is started on the folder when it is needed.
    """

    folder: Path
    address: str | None = None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of the model server, while the block runs."""
        if self.address is not None:
            with Client(self.address) as client:
                yield client
        else:
            with api.serve(self.folder) as served:
                yield served.client

    def has(self, model: str) -> bool:
        """Whether a version of a model is in the folder or is served elsewhere."""
        return bool(versions(self.folder, model)) or self._serves(model)

    def _serves(self, model: str) -> bool:
        if self.address is None:
            return False
        with Client(self.address) as client:
            try:
                return any(status.available for status in client.status(model))
            except ClientError:
                return False
