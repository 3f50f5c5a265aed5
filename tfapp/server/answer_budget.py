"""The budget of answers: bytes that are built, written, or not yet taken by their callers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

import grpc
from numpy.typing import NDArray

from tfapp.server.fair_budget import FairBudget
from tfapp.server.request_context import RequestContext, abandoned_error
from tfapp.server.request_errors import RequestError

__all__ = ["AnswerBudget", "answer_bytes"]

# Smaller answers are not counted, so that they find room beside any large ones.
_FREE: Final = 65_536
# Answers of up to this part of the budget have one of their own, so that no large one keeps them waiting.
_SMALL: Final = 16
# The bytes of a string in memory beside its text.
_STRING_BYTES: Final = 33


class AnswerBudget:
    """The bytes of answers that may be in memory at the same time, from the model's run until they are taken.

    Args:
        most: How many bytes, of small answers and of large ones each; a larger answer takes all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._small = FairBudget(most, self._late_error)
        self._large = FairBudget(most, self._late_error)

    def build(self, outputs: Mapping[str, NDArray[Any]], context: RequestContext) -> None:
        """Waits until an answer may be built, and counts it until the request is answered.

        Only the first of a request's signatures waits: two requests that wait while they hold their first would wait
        for each other.

        Raises:
            RequestError: The caller's time is up, or it has gone.
        """
        size = answer_bytes(outputs)
        if size > _FREE:
            room = self._turn(size, context, waits=not context.has_answer)
            context.hold_answer(room, lambda written: self._turn(written, context, waits=False))

    def _turn(self, size: int, context: RequestContext, *, waits: bool) -> AbstractContextManager[None]:
        budget = self._small if size * _SMALL <= self._most else self._large
        return budget.take(size, context, waits=waits)

    def _late_error(self, context: RequestContext) -> RequestError:
        if context.is_cancelled:
            return abandoned_error(context, ran=True)
        return RequestError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"large answers that are written or not yet taken hold the {self._most} bytes that there are for them "
            "(--max_pending_answer_bytes); send this request again later, or fewer rows",
        )


def answer_bytes(outputs: Mapping[str, NDArray[Any]]) -> int:
    """Returns the bytes of a model's outputs in memory, strings included."""
    return sum(array.nbytes + _text_bytes(array) for array in outputs.values())


def _text_bytes(array: NDArray[Any]) -> int:
    return sum(map(len, array.flat)) + _STRING_BYTES * array.size if array.dtype == object else 0
