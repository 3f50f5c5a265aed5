"""Decides when a version that did not load is tried again, and when it is given up."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

from tfapp.server.loading.version_state import State, VersionState
from tfapp.server.request_errors import RequestError

__all__ = ["LoadRetries"]


class LoadRetries:
    """The retries of versions that did not load: a fixed number of them, a fixed time apart.

    The caller holds the lock that guards the states.

    Args:
        most: How often a version is tried again after it failed.
        interval_seconds: Time between two tries; 0 or less: at once.
    """

    def __init__(self, most: int, interval_seconds: float) -> None:
        self._most = most
        self._interval_seconds = interval_seconds

    def is_due(self, version_state: VersionState) -> bool:
        """Returns whether a version may be loaded now: for the first time, or again."""
        if version_state.failures > self._most:
            return False
        return not version_state.is_retried or time.monotonic() >= version_state.retry_at

    def note_failure(self, version_state: VersionState, error: RequestError) -> bool:
        """Notes that a load failed, and why; returns whether the version is given up."""
        version_state.failures += 1
        last = version_state.failures > self._most
        version_state.error, version_state.state = error, State.END if last else State.LOADING
        version_state.retry_at = time.monotonic() + self._interval_seconds
        return last

    def next_time(self, version_states: Iterable[VersionState]) -> float:
        """Returns when the next of these versions is tried again, in seconds of the monotonic clock; infinite: none."""
        return min((state.retry_at for state in version_states if state.is_retried), default=math.inf)
