"""An approximate index of the nearest vectors, which is embedded and brought up to date from the database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.vector_store import VectorStore
from tfapp.core.files import private_folder, replacing

__all__ = ["Hit", "VectorIndex", "embed_new", "index_file", "open_index"]

_DIGEST_SIZE: Final = 32

Hit = tuple[int, float]
"""A search hit: its id, and its score, which is a cosine or a BM25 score."""


class VectorIndex:
    """An index of nearest vectors by cosine, in a graph that grows (HNSW, Malkov and Yashunin 2020; USearch).

    The file holds nothing that the database lacks: a damaged or a missing one is made again from there. It begins with
    the SHA-256 of the rest, as USearch ends the process at some damaged files.
    """

    def __init__(self, index: Any = None) -> None:
        self._index = index

    @classmethod
    def load(cls, file: Path) -> Self:
        """Reads an index; an empty one where there is no file, or none that can be read."""
        from usearch.index import Index

        try:
            content = file.read_bytes()
        except OSError:
            return cls()
        digest, index = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if hashlib.sha256(index).digest() != digest:
            return cls()
        return cls(Index.restore(index, view=False))

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    def sync(self, ids: Sequence[int], vectors: Callable[[Sequence[int]], np.ndarray]) -> int:
        """Adds the vectors that it lacks and drops those that should not be there.

        Args:
            ids: The texts or items that it should have.
            vectors: Gives the vectors of some of them; float32 [N, width].

        Returns:
            How many were added.
        """
        present = set() if self._index is None else set(np.asarray(self._index.keys).tolist())
        surplus, new = present - set(ids), [key for key in ids if key not in present]
        if surplus:
            self._index.remove(np.fromiter(surplus, np.uint64))
        if new:
            self._add(new, vectors(new))
        return len(new)

    def search(self, vector: np.ndarray, count: int) -> list[Hit]:
        """Returns the nearest texts, nearest first, with their cosines."""
        if not len(self):
            return []
        matches = self._index.search(vector, min(count, len(self)))
        return [
            (int(key), 1.0 - float(distance)) for key, distance in zip(matches.keys, matches.distances, strict=True)
        ]

    def cosine(self, vector: np.ndarray, key: int) -> float | None:
        """Returns the cosine of a vector with a text's; None where the text has none."""
        vector_of_key = None if self._index is None else self._index.get(key)
        if vector_of_key is None:
            return None
        return float(np.dot(vector_of_key, vector) / (np.linalg.norm(vector_of_key) * np.linalg.norm(vector)))

    def save(self, file: Path) -> None:
        """Writes the file, by rename."""
        if self._index is not None:
            private_folder(file.parent, passable=True)
            with replacing(file) as draft:
                index = bytes(self._index.save())
                draft.write_bytes(hashlib.sha256(index).digest() + index)

    def _add(self, ids: Sequence[int], vectors: np.ndarray) -> None:
        from usearch.index import Index

        if self._index is None:
            self._index = Index(ndim=vectors.shape[1], metric="cos", dtype="f32")
        self._index.add(np.asarray(ids, np.uint64), vectors)


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
    texts = vectors.texts_without_vectors(embedder.identity)
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
    count = index.sync(vectors.ids(identity), lambda ids: vectors.read(identity, ids))
    if count or len(index) != before:
        index.save(file)
    return index, count


def index_file(folder: Path, identity: str) -> Path:
    """Returns the file of an embedder's index, which has the embedder in its name."""
    return folder / f"{identity.replace('/', '-')}.usearch"
