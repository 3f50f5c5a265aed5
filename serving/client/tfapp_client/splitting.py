"""Splits large batches into several requests, and puts their answers together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from tfapp_client import codec
from tfapp_client.errors import AnswerError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Part", "Splitting", "as_batch", "check_rows", "concatenate"]

T = TypeVar("T")


@dataclass(frozen=True)
class Splitting:
    """The largest request, and the number of requests at the same time.

    Attributes:
        rows: Most rows of one request; None: never split.
        parallel: Requests of one call that are on their way at the same time.
    """

    rows: int | None = 512
    parallel: int = 4

    def __post_init__(self) -> None:
        if (self.rows is not None and self.rows < 1) or self.parallel < 1:
            raise ValueError(f"rows and parallel must be 1 or more, got rows={self.rows}, parallel={self.parallel}")

    def slices(self, count: int) -> list[slice]:
        """Returns the rows of each request, of `count` rows in all."""
        size = self.rows or max(count, 1)
        return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@dataclass(frozen=True)
class Part(Generic[T]):
    """The answer to one request, and the version that gave it."""

    version: int
    value: T


def as_batch(inputs: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Makes arrays of inputs whose first dimension is the batch.

    Raises:
        ValueError: They do not have the same number of rows.
    """
    arrays = {name: codec.as_array(value) for name, value in inputs.items()}
    counts = {name: array.shape[0] if array.ndim else None for name, array in arrays.items()}
    if len(set(counts.values())) != 1 or None in counts.values():
        raise ValueError(f"to be split, all inputs need the same number of rows, got {counts}")
    return arrays


def check_rows(outputs: Mapping[str, NDArray[Any]], count: int) -> None:
    """Checks that each output has one row for each that was sent.

    Raises:
        AnswerError: One has not.
    """
    for name, array in outputs.items():
        if array.shape[:1] != (count,):
            raise AnswerError(
                f"output {name} has shape {array.shape}, not one row for each of the {count} that were sent; call "
                "predict without split"
            )


def concatenate(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Puts the outputs of all parts together, in order.

    Raises:
        AnswerError: Their shapes differ beyond the rows.
    """
    try:
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    except ValueError as error:
        raise AnswerError(f"the parts of the answer do not go together: {error}; call predict without split") from error
