"""The state of one version of a model: loading, available, unloading, its failures and retries, its users."""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from tfapp.server.request_errors import RequestError

if TYPE_CHECKING:
    from tfapp.server.servables.servable import Servable

__all__ = ["LoadRetries", "ModelVersionStatus", "State", "VersionState"]


class State(enum.IntEnum):
    """The states of a version (tensorflow_serving/apis/get_model_status.proto)."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(frozen=True)
class ModelVersionStatus:
    """The state of a version, as GetModelStatus reports it.

    Attributes:
        version: The version's number.
        state: Where it stands.
        code: OK, or what kind of failure ended it.
        message: Why it failed; empty where it did not.
    """

    version: int
    state: State
    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""


@dataclass
class VersionState:
    """The state of a version, as the server keeps it.

    Attributes:
        state: Where it stands.
        servable: The loaded version.
        users: Requests that hold the servable.
        failures: Times that it did not load.
        retry_at: When it is tried again, in seconds of the monotonic clock.
        error: Why it did not load the last time.
    """

    state: State = State.START
    servable: Servable | None = None
    users: int = 0
    failures: int = 0
    retry_at: float = 0.0
    error: RequestError | None = None

    @property
    def is_available(self) -> bool:
        """Returns whether it takes requests."""
        return self.state is State.AVAILABLE

    @property
    def is_retried(self) -> bool:
        """Returns whether it failed and is tried again."""
        return self.state is State.LOADING and self.failures > 0

    def note_load(self, servable: Servable) -> None:
        """Records that the version is loaded, and takes requests."""
        self.servable, self.error, self.failures, self.state = servable, None, 0, State.AVAILABLE

    def forget(self) -> None:
        """Records that the version is not wanted any more: if it comes back, its failures do not count."""
        self.failures = 0
        if self.state is State.LOADING:
            self.state = State.END

    def describe(self, version: int) -> ModelVersionStatus:
        """Returns the state as GetModelStatus reports it; an error only once the version is given up."""
        if self.error is None or self.state is not State.END:
            return ModelVersionStatus(version, self.state)
        return ModelVersionStatus(version, self.state, self.error.code, self.error.message)


class LoadRetries:
    """The retries of versions that did not load: a fixed number of them, a fixed time apart.

    The caller holds the lock that guards the states.

    Args:
        max_retries: How often a version is tried again after it failed.
        interval_seconds: Time between two tries; 0 or less: at once.
    """

    def __init__(self, max_retries: int, interval_seconds: float) -> None:
        self._max_retries = max_retries
        self._interval_seconds = interval_seconds

    def is_due(self, version_state: VersionState) -> bool:
        """Returns whether a version may be loaded now: for the first time, or again."""
        if version_state.failures > self._max_retries:
            return False
        return not version_state.is_retried or time.monotonic() >= version_state.retry_at

    def note_failure(self, version_state: VersionState, error: RequestError) -> bool:
        """Records that a load failed, and why; returns whether the version is given up."""
        version_state.failures += 1
        last = version_state.failures > self._max_retries
        version_state.error, version_state.state = error, State.END if last else State.LOADING
        version_state.retry_at = time.monotonic() + self._interval_seconds
        return last

    def next_time(self, version_states: Iterable[VersionState]) -> float:
        """Returns when the next of these versions is tried again, in seconds of the monotonic clock; infinite: none."""
        return min((state.retry_at for state in version_states if state.is_retried), default=math.inf)
