"""Item-based collaborative filtering: which items the same users like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cooccurrence"]

# Rows of a block of the product, which is dense in the worst case.
_BLOCK = 1024


@dataclass(frozen=True)
class Cooccurrence:
    """Cosines between items' columns of the matrix of users and items.

    Sarwar et al., Item-based Collaborative Filtering Recommendation Algorithms, WWW 2001; Deshpande and Karypis,
    Item-Based Top-N Recommendation Algorithms, TOIS 2004.

    Attributes:
        cosines: Sparse float[I, I]: in the row of an item those that go best with it; not itself.
    """

    cosines: Any

    @classmethod
    def fit(
        cls,
        users: NDArray[np.intp],
        items: NDArray[np.intp],
        weights: NDArray[np.float64],
        *,
        count: int,
        max_neighbours: int,
    ) -> Self:
        """Counts events.

        Args:
            users: int[N].
            items: int[N], each below `count`.
            weights: float[N]; of a user's several for one item the greatest counts, and none of 0 or less.
            count: I.
            max_neighbours: Neighbours that an item keeps.
        """
        from scipy.sparse import csr_array, diags_array, vstack

        positive = weights > 0
        matrix = _greatest(users[positive], items[positive], weights[positive], count)
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
        unit = csr_array(matrix @ diags_array(1 / np.where(lengths, lengths, 1)))
        columns = csr_array(unit.T)
        blocks = [
            _best(columns[start : start + _BLOCK] @ unit, start, max_neighbours) for start in range(0, count, _BLOCK)
        ]
        return cls(csr_array(vstack(blocks)) if blocks else csr_array((count, count)))

    def scores(self, items: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns for every item the sum of its cosines with some items.

        Args:
            items: int[N].
            weights: float[N], what each counts.

        Returns:
            float[I].
        """
        return np.asarray(self.cosines[items].T @ weights)

    def rows(self, items: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        """Returns the cosines of items with others; float[items, others]."""
        return np.asarray(self.cosines[items][:, others].todense())


def _greatest(users: NDArray[np.intp], items: NDArray[np.intp], weights: NDArray[np.float64], count: int) -> Any:
    """Returns the matrix of users and items with the greatest weight in each cell."""
    from scipy.sparse import csr_array

    _, rows = np.unique(users, return_inverse=True)
    order = np.lexsort((-weights, items, rows))
    rows, columns, values = rows[order], items[order], weights[order]
    first = np.append(True, (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1]))[: len(rows)]
    shape = (int(rows.max()) + 1 if len(rows) else 1, count)
    return csr_array((values[first], (rows[first], columns[first])), shape=shape)


def _best(block: Any, start: int, max_neighbours: int) -> Any:
    """Keeps the greatest `max_neighbours` of each row, without the item itself."""
    from scipy.sparse import csr_array

    block = csr_array(block)
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    mask = block.indices != rows + start
    for row in np.flatnonzero(np.diff(block.indptr) > max_neighbours + 1):
        cells = np.arange(block.indptr[row], block.indptr[row + 1])[mask[block.indptr[row] : block.indptr[row + 1]]]
        mask[cells[np.argpartition(-block.data[cells], max_neighbours)[max_neighbours:]]] = False
    return csr_array((block.data[mask], (rows[mask], block.indices[mask])), shape=block.shape)
