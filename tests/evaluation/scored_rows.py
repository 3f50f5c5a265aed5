"""Draws rows that are or are not of a label, each with the probability of it, and rows with grades and scores."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# bool[N] and float32[N], with ties and with neighbours that float32 can just tell apart.
SCORED_ROWS = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(bool, n),
        hnp.arrays(np.float32, n, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])),
    )
)

_GRADES = st.sampled_from([0.0, 0.5, 1.0])
_SCORES = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])


def graded_rows(size: int) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """The grades of so many rows, and a model's scores of them, float[N]."""
    return st.tuples(hnp.arrays(float, size, elements=_GRADES), hnp.arrays(float, size, elements=_SCORES))
