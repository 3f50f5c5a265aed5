"""Splits rows into lists of a size, so that one statement or one transaction has no more of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["chunks"]

T = TypeVar("T")


def chunks(rows: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """Yields lists of at most `size` rows; SQLite takes 32766 values in a statement, PostgreSQL 65535.

    Example:
        >>> list(chunks("abcde", 2))
        [['a', 'b'], ['c', 'd'], ['e']]
    """
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk
