"""Items, and all of them as arrays, one row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Item", "ItemMatrix"]


@dataclass(frozen=True)
class Item:
    """An item that can be recommended.

    `number` is its row in the database, `key` its id in the files, `text` what is embedded of it, and `published`
    since when it is there; None: always.
    """

    number: int
    key: str
    title: str
    description: str
    tags: tuple[str, ...]
    text: str
    published: datetime | None


@dataclass(frozen=True)
class ItemMatrix:
    """The arrays of I items.

    Attributes:
        items: The items; an item's index here is its row in every array.
        vectors: float32[I, width], of length 1; zeros where an item has no vector yet.
        tags: Sparse float[I, tags], rows of length 1, rarer tags counting more; zeros where an item has none.
        published: float[I], seconds since 1970; minus infinity where no time is said.
    """

    items: tuple[Item, ...]
    vectors: NDArray[np.float32]
    tags: Any
    published: NDArray[np.float64]

    @classmethod
    def of(cls, items: Sequence[Item], vectors: NDArray[np.float32]) -> Self:
        """Makes the arrays from items and their vectors."""
        times = [-np.inf if item.published is None else item.published.timestamp() for item in items]
        return cls(tuple(items), vectors, _tags(items), np.array(times, np.float64))

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def rows_by_key(self) -> dict[str, int]:
        """Returns the items' rows by key."""
        return {item.key: row for row, item in enumerate(self.items)}

    @cached_property
    def numbers(self) -> dict[int, int]:
        """Returns the items' rows by their ids in the database."""
        return {item.number: row for row, item in enumerate(self.items)}


def _tags(items: Sequence[Item]) -> Any:
    from scipy.sparse import csr_array, diags_array

    names: dict[str, int] = {}
    pairs = [(row, names.setdefault(tag, len(names))) for row, item in enumerate(items) for tag in item.tags]
    rows, columns = (np.array(pairs, np.intp).reshape(-1, 2)[:, column] for column in (0, 1))
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(items), max(len(names), 1)))
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    weights = matrix @ diags_array(np.log1p(len(items) / np.maximum(counts, 1)))
    lengths = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    return csr_array(diags_array(1 / np.where(lengths, lengths, 1)) @ weights)
