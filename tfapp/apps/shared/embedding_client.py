"""A client of a served embedding model, which asks one version for all vectors that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
from tfapp_client import Client
from tfapp_client.errors import InvalidArgumentError, NotFoundError, UnimplementedError

from tfapp.errors import ServerError

__all__ = ["EmbeddingClient", "released_version"]


@dataclass(frozen=True)
class EmbeddingClient:
    """A client of one version of an embedding model.

    Attributes:
        client: Asks it.
        model: Its name.
        version: Vectors of another version are not compared with its own.
    """

    client: Client
    model: str
    version: int

    @classmethod
    def of_release(cls, client: Client, model: str) -> Self:
        """Returns a client of the version that has the label `stable`, or else of the newest that is served.

        Raises:
            ServerError: None is.
            ClientError: The server cannot be asked.
        """
        return cls(client, model, released_version(client, model, f"tfapp export --preset {model}, and serve it"))

    @classmethod
    def of_identity(cls, client: Client, identity: str) -> Self:
        """Returns a client of the version that NAME/VERSION names."""
        model, _, version = identity.rpartition("/")
        return cls(client, model, int(version))

    @property
    def identity(self) -> str:
        """Returns NAME/VERSION."""
        return f"{self.model}/{self.version}"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Returns vectors of length 1; float32 [texts, width].

        Raises:
            ClientError: The server cannot be asked.
        """
        return self.client.embed(self.model, texts, version=self.version)


def released_version(client: Client, model: str, way_out: str = "serve it") -> int:
    """Returns the version of a model that has the label `stable`, or else the newest that is served.

    Args:
        client: Asks its server.
        model: The model.
        way_out: What to do where none is, in words.

    Raises:
        ServerError: None is.
        ClientError: The server cannot be asked.
    """
    with suppress(InvalidArgumentError, NotFoundError, UnimplementedError):
        return client.metadata(model, label="stable").version
    try:
        versions = [status.version for status in client.status(model) if status.available]
    except NotFoundError:
        versions = []
    if not versions:
        raise ServerError(f"{model}: no version of this model is served; {way_out}")
    return max(versions)
