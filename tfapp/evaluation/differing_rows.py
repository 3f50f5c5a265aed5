"""Finds the rows by which the answers of two models differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tfapp.evaluation.base import Evaluation

__all__ = ["DifferingRow", "differing_rows"]

# Rows with the largest differences, where answers are not right or wrong.
_LARGEST: Final = 20


@dataclass(frozen=True)
class DifferingRow:
    """A row that one run gets right and the other wrong; of numbers, one where their errors differ much.

    Attributes:
        row: The line of its file on which it begins, or the number of the row.
        text: Its texts, as one, cut to 300 characters.
        truth: What is right.
        first: The first run's answer.
        second: The second one's.
        better: "first" or "second": whose answer is right, or the nearer one.
    """

    row: int
    text: str
    truth: str
    first: str
    second: str
    better: str


def differing_rows(evaluation: Evaluation, other: Evaluation) -> Iterator[DifferingRow]:
    """Yields the rows that one model gets right and the other wrong, in the order of the file.

    Where answers are not right or wrong, they are the twenty whose shares in the main score differ most. None are
    yielded where the rows are not the same, or an evaluation has no answers.
    """
    first, second = evaluation.answers, other.answers
    if (
        first is None
        or second is None
        or evaluation.rows_fingerprint != other.rows_fingerprint
        or len(first) != len(second)
    ):
        return
    gains = second.terms[:, 0] - first.terms[:, 0]
    if first.right is not None and second.right is not None:
        numbers = np.flatnonzero(first.right != second.right)
        second_better = second.right
    else:
        numbers = np.sort(np.argsort(-np.abs(gains), kind="stable")[:_LARGEST])
        numbers = numbers[gains[numbers] != 0]
        second_better = (gains < 0) if evaluation.lower_is_better else (gains > 0)
    for number in numbers.tolist():
        text, truth, answer = first.describe(number)
        winner = "second" if second_better[number] else "first"
        yield DifferingRow(int(first.rows[number]), text, truth, answer, second.describe(number).answer, winner)
