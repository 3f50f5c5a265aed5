"""An application's embedding model: a preset that is exported where there is none, or what is served already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tfapp import api
from tfapp.apps.shared.embedder import Embedder
from tfapp.apps.shared.indexing import embed_new
from tfapp.apps.shared.model_errors import asking
from tfapp.apps.shared.model_server import ModelServer
from tfapp.apps.shared.vector_store import VectorStore
from tfapp.core.terminal import progress
from tfapp.registry import versions
from tfapp.workflows import version_catalogue

__all__ = ["EmbedderModel"]


@dataclass(frozen=True)
class EmbedderModel:
    """Makes the embedder and reaches it.

    Attributes:
        models: Where it is served.
        name: Its name there.
        preset: What is exported by that name where there is none; None: it is served already.
        wait: Longest time to wait until the server has it, in seconds.
    """

    models: ModelServer
    name: str
    preset: str | None = None
    wait: float = 60.0

    def embed_missing(self, vectors: VectorStore, *, quiet: bool = False) -> tuple[str, int]:
        """Embeds what has no vector yet; where there is nothing, no server is started for it.

        Args:
            vectors: What should have vectors.
            quiet: Show no progress.

        Returns:
            The embedder as NAME/VERSION, and how many texts were embedded.

        Raises:
            TfappError: It cannot be exported, is not served, or cannot be asked.
        """
        identity = self._local_version(quiet=quiet)
        if identity is not None and not vectors.unembedded(identity):
            return identity, 0
        with self.served() as embedder, progress("Embedding", "texts", quiet=quiet) as advance:
            return embedder.identity, embed_new(vectors, embedder, advance)

    @contextmanager
    def served(self) -> Iterator[Embedder]:
        """Its version that is `stable`, or else the newest that is served, while the block runs.

        Raises:
            ServerError: It is not served, or the server cannot be asked in the block.
        """
        hint = "the same command goes on where this one stopped"
        with asking(self.name, where=self.models.where, hint=hint), self.models.client() as client:
            if versions(self.models.folder, self.name):
                client.wait_until_ready(self.name, timeout=self.wait)
            yield Embedder.released(client, self.name)

    def _local_version(self, *, quiet: bool) -> str | None:
        """Exports it where there is none, and names its released version; None: a server must be asked."""
        if self.preset is not None and not self.models.has(self.name):
            api.export_preset(self.preset, self.models.folder, name=self.name, quiet=quiet)
        if self.models.remote is not None:
            return None
        if not versions(self.models.folder, self.name):
            return None
        (model,) = version_catalogue.describe(self.models.folder, (self.name,))
        return f"{self.name}/{model.released.version}"
