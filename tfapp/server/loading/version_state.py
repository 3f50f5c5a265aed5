"""The state of one version of a model: loading, available, unloading, its failures and its users."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from tfapp.server.request_errors import RequestError

if TYPE_CHECKING:
    from tfapp.server.servables.servable import Servable

__all__ = ["ModelVersionStatus", "State", "VersionState"]


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
        """Notes that the version is loaded, and takes requests."""
        self.servable, self.error, self.failures, self.state = servable, None, 0, State.AVAILABLE

    def forget(self) -> None:
        """Notes that the version is not wanted any more: if it comes back, its failures do not count."""
        self.failures = 0
        if self.state is State.LOADING:
            self.state = State.END

    def describe(self, version: int) -> ModelVersionStatus:
        """Returns the state as GetModelStatus reports it; an error only once the version is given up."""
        if self.error is None or self.state is not State.END:
            return ModelVersionStatus(version, self.state)
        return ModelVersionStatus(version, self.state, self.error.code, self.error.message)
