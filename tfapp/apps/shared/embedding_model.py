"""An application's embedding model, which is exported from a preset where none is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tfapp import api
from tfapp.apps.shared.application_models import ApplicationModels
from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.model_errors import translate_client_errors
from tfapp.apps.shared.vector_index import embed_new
from tfapp.apps.shared.vector_store import VectorStore
from tfapp.core.progress import ShowProgress
from tfapp.registry import versions
from tfapp.workflows import version_catalogue

__all__ = ["EmbeddingModel"]


@dataclass(frozen=True)
class EmbeddingModel:
    """Exports the embedding model where it is missing, and connects to it.

    Attributes:
        models: Where it is served.
        name: Its name there.
        preset: What is exported by that name where there is none; None: it is served already.
        wait: Longest time to wait until the server has it, in seconds.
        show_progress: Shows the embedding of many texts.
    """

    models: ApplicationModels
    name: str
    preset: str | None = None
    wait: float = 60.0
    show_progress: ShowProgress = field(kw_only=True)

    def embed_missing(self, vectors: VectorStore, *, quiet: bool = False) -> tuple[str, int]:
        """Embeds the texts that have no vector yet; where there are none, no server is started.

        Returns:
            The embedder as NAME/VERSION, and how many texts were embedded.

        Raises:
            TfappError: It cannot be exported, is not served, or cannot be asked.
        """
        identity = self._local_version(quiet=quiet)
        if identity is not None and not vectors.texts_without_vectors(identity):
            return identity, 0
        with self.client() as embedder, self.show_progress("Embedding", "texts", quiet=quiet) as advance:
            return embedder.identity, embed_new(vectors, embedder, advance)

    @contextmanager
    def client(self) -> Iterator[EmbeddingClient]:
        """Yields a client of the version that is `stable`, or else of the newest that is served.

        Raises:
            ServerError: It is not served, or the server cannot be asked in the block.
        """
        hint = "the same command goes on where this one stopped"
        with translate_client_errors(self.name, where=self.models.where, hint=hint), self.models.client() as client:
            if versions(self.models.folder, self.name):
                client.wait_until_ready(self.name, timeout=self.wait)
            yield EmbeddingClient.of_release(client, self.name)

    def _local_version(self, *, quiet: bool) -> str | None:
        """Exports the model where it is missing and returns its released version; None where a server must tell."""
        if self.preset is not None and not self.models.has(self.name):
            api.export_preset(self.preset, self.models.folder, name=self.name, quiet=quiet)
        if self.models.remote is not None:
            return None
        if not versions(self.models.folder, self.name):
            return None
        (model,) = version_catalogue.describe(self.models.folder, (self.name,))
        return f"{self.name}/{model.released.version}"
