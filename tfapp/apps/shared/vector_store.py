"""The vectors of an application's texts, in its database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from tfapp.apps.shared.store import Base, Store, chunks

__all__ = ["VectorStore"]


class VectorStore:
    """A store of vectors by text, and by the model and version that made them.

    Args:
        store: The database.
        table: Has a row for each vector, with `embedder` (NAME/VERSION) and `value` (float32, little-endian).
        key: The table's column that says whose vector it is.
        texts: Selects the id and the text of everything that should have a vector.
    """

    def __init__(
        self, store: Store, table: type[Base], key: InstrumentedAttribute[int], texts: Select[int, str]
    ) -> None:
        self._store = store
        self._table: Any = table
        self._key = key
        self._texts = texts

    def texts_without_vectors(self, embedder: str) -> list[tuple[int, str]]:
        """Returns the texts without a vector of this embedder, as (id, text)."""
        vector = select(self._key).where(self._table.embedder == embedder)
        key = self._texts.selected_columns[0]
        query = self._texts.where(key.not_in(vector)).order_by(key)
        return self._store.read(lambda session: [(number, text) for number, text in session.execute(query)])

    def keep(self, embedder: str, ids: Sequence[int], vectors: np.ndarray) -> None:
        """Stores vectors, in place of another embedder's.

        Args:
            embedder: What made them, as NAME/VERSION.
            ids: N ids.
            vectors: float32 [N, width].
        """
        values = [row.astype("<f4").tobytes() for row in vectors]

        def work(session: Session) -> None:
            session.execute(delete(self._table).where(self._key.in_(ids)))
            pairs = zip(ids, values, strict=True)
            session.add_all(
                self._table(**{self._key.key: key, "embedder": embedder, "value": value}) for key, value in pairs
            )

        self._store.run(work)

    def ids(self, embedder: str) -> list[int]:
        """Returns the ids of the texts with a vector of this embedder."""
        query = select(self._key).where(self._table.embedder == embedder)
        return self._store.read(lambda session: list(session.scalars(query)))

    def read(self, embedder: str, ids: Sequence[int]) -> np.ndarray:
        """Returns the vectors of the texts that have one; float32 [N, width]."""
        query = select(self._key, self._table.value).where(self._table.embedder == embedder)

        def work(session: Session) -> dict[int, bytes]:
            parts = (session.execute(query.where(self._key.in_(part))) for part in chunks(ids))
            return {key: value for part in parts for key, value in part}

        vectors = self._store.read(work)
        return np.stack([np.frombuffer(vectors[key], "<f4") for key in ids])

    def embedder(self) -> str | None:
        """Returns the embedder of most of the vectors, as NAME/VERSION; None where there are none."""
        name = self._table.embedder
        count = func.count(self._key)
        query = select(name).group_by(name).order_by(count.desc(), name)
        return self._store.read(lambda session: session.scalars(query.limit(1)).first())
