"""The deadline of a call, for all of its requests."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real

from tfapp_client.errors import DeadlineExceededError

__all__ = ["CallDeadline", "check_timeout"]


def check_timeout(seconds: float) -> float:
    """Returns a timeout that is a number.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(seconds, Real):
        raise TypeError(f"timeout must be a number of seconds, got {type(seconds).__name__}: {seconds!r:.80}")
    return seconds


class CallDeadline:
    """The time at which a call ends.

    Args:
        seconds: From now.
        clock: Tells the time, in seconds.

    Raises:
        TypeError: The seconds are no number.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + check_timeout(seconds)

    def seconds_left(self) -> float:
        """Returns the seconds until the end.

        Raises:
            DeadlineExceededError: It is over.
        """
        seconds = self._end - self._clock()
        if seconds <= 0:
            raise DeadlineExceededError(f"no answer within {self._seconds:g} s")
        return seconds
