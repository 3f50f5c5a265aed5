"""Embeds new texts and brings the vector index up to date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.vector_index import VectorIndex
from tfapp.apps.shared.vector_store import VectorStore

__all__ = ["embed_new", "index_file", "open_index"]

# Texts of one request and one transaction.
_BATCH = 256


def embed_new(
    vectors: VectorStore, embedder: EmbeddingClient, on_progress: Callable[[int, int | None], None] | None = None
) -> int:
    """Embeds the texts that have no vector of this embedder; one that is killed goes on where it was.

    Returns:
        How many were embedded.

    Raises:
        ClientError: The server cannot be asked; what was embedded before is kept.
    """
    texts = vectors.unembedded(embedder.identity)
    for start in range(0, len(texts), _BATCH):
        part = texts[start : start + _BATCH]
        embeddings = embedder.embed([text for _, text in part])
        vectors.keep(embedder.identity, [key for key, _ in part], embeddings)
        if on_progress:
            on_progress(start + len(part), len(texts))
    return len(texts)


def open_index(folder: Path, vectors: VectorStore, identity: str) -> tuple[VectorIndex, int]:
    """Opens the index of an embedder's vectors in a folder, brings it up to date from the database, and keeps it.

    Returns:
        The index, and how many vectors it lacked.
    """
    file = index_file(folder, identity)
    index = VectorIndex.load(file)
    before = len(index)
    added = index.sync(vectors.ids(identity), lambda ids: vectors.read(identity, ids))
    if added or len(index) != before:
        index.save(file)
    return index, added


def index_file(folder: Path, identity: str) -> Path:
    """Returns the file of an embedder's index, which has the embedder in its name."""
    return folder / f"{identity.replace('/', '-')}.usearch"
