"""Limits of requests: the rows of one, and those that run at the same time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from tfapp.server.fair_budget import FairBudget
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import invalid_argument

__all__ = ["RequestLimits", "count_rows"]

# Requests of up to this part of the largest have a budget of their own, so that no large one keeps them waiting.
_SMALL: Final = 16


class RequestLimits:
    """The limits that a server sets to requests.

    Args:
        max_rows: The most rows, those included that are made of a tensor's last value.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._small = FairBudget(max_rows)
        self._large = FairBudget(max_rows)

    def check(self, alias: str, shape: Sequence[int], rows: int) -> None:
        """Checks that an input does not count as too many rows, before memory is allocated for it.

        Raises:
            RequestError: It has too many.
        """
        if rows > self._max_rows:
            raise invalid_argument(
                f"input {alias} of shape [{','.join(map(str, shape))}] counts as {rows} rows; this server takes at "
                f"most {self._max_rows} a request (--max_request_rows)"
            )

    def turn(self, rows: int, context: RequestContext) -> AbstractContextManager[None]:
        """Waits until a request that runs by itself, or a large one, may; at most twice the largest have their turn.

        Raises:
            RequestError: The caller's time is up, or it has gone.
        """
        budget = self._small if rows * _SMALL <= self._max_rows else self._large
        return budget.take(rows, context)


def count_rows(shape: Sequence[int], expected: Sequence[int | None] | None, *, strings: bool) -> int:
    """Returns the rows that an input stands for: its first dimension, or its elements where that counts no rows.

    `expected` is the signature's shape, None for any rank; each of several strings may be a text of its own.
    """
    other = strings if expected is None else len(expected) != len(shape)
    return math.prod(shape) if other else next(iter(shape), 1)
