"""The answers of a model to the rows of a split, one by one, for comparisons with another model's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnsweredRow", "RowAnswers", "sum_by_group"]


class AnsweredRow(NamedTuple):
    """A row as people read it.

    Attributes:
        text: Its texts, as one.
        truth: What is right.
        answer: What the model answered.
    """

    text: str
    truth: str
    answer: str


@dataclass(frozen=True, eq=False)
class RowAnswers:
    """The answers to N rows; the rows of a ranker are its queries.

    Attributes:
        terms: float64[N, 2], the shares of the rows in the main score, which is the sum of the first column divided by
            that of the second: of an accuracy 1 or 0, and 1; of an F1 twice the hits, and hits twice, false positives
            and false negatives together.
        describe: Returns a row by its number, counted from 0.
        rows: int64[N], the row numbers in their file.
        right: bool[N], whether an answer is right; None where answers are not right or wrong.
        groups: int64[N], what rows hang together, so that they are no independent draws; None: each row is one.
        square_root: Whether the main score is the square root of that quotient, as of an RMSE.
        measures: Further metrics by their names, each the mean of float64[N].
    """

    terms: NDArray[np.float64]
    describe: Callable[[int], AnsweredRow]
    rows: NDArray[Any]
    right: NDArray[np.bool_] | None = None
    groups: NDArray[Any] | None = None
    square_root: bool = False
    measures: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.terms)


def sum_by_group(terms: NDArray[np.float64], groups: NDArray[Any] | None) -> NDArray[np.float64]:
    """Returns the sums float64[G, 2] of the terms float64[N, 2] of each group; without groups, the terms."""
    if groups is None or not len(terms):
        return terms
    codes = np.unique(groups, return_inverse=True)[1]
    return np.stack([np.bincount(codes, terms[:, column]) for column in range(2)], axis=1)
