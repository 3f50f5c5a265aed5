"""The deadline of a call, for all of its requests."""

from __future__ import annotations

from collections.abc import Callable

from tfapp_client.errors import DeadlineExceededError

__all__ = ["CallDeadline"]


class CallDeadline:
    """The time at which a call ends.

    Args:
        seconds: From now.
        clock: Tells the time, in seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def seconds_left(self) -> float:
        """Returns the seconds until the end.

        Raises:
            DeadlineExceededError: It is over.
        """
        seconds = self._end - self._clock()
        if seconds <= 0:
            raise DeadlineExceededError(f"no answer within {self._seconds:g} s")
        return seconds
