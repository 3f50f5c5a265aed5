"""The errors of this client, one tree.

    ClientError
    ├── AnswerError                the answer cannot be read, or is not what the contract says
    └── StatusError                the call ended with a gRPC status; `code` and the server's text in `details`
        ├── CancelledError         CANCELLED
        ├── UnknownError           UNKNOWN
        ├── InvalidArgumentError   INVALID_ARGUMENT      the model refuses the inputs
        ├── DeadlineExceededError  DEADLINE_EXCEEDED     no answer within the timeout
        ├── NotFoundError          NOT_FOUND             no such model or version
        ├── AlreadyExistsError     ALREADY_EXISTS
        ├── PermissionDeniedError  PERMISSION_DENIED
        ├── ResourceExhaustedError RESOURCE_EXHAUSTED    the server has too much to do, or a message is too large
        ├── FailedPreconditionError FAILED_PRECONDITION  no such signature
        ├── AbortedError           ABORTED
        ├── OutOfRangeError        OUT_OF_RANGE
        ├── UnimplementedError     UNIMPLEMENTED         the server does not know the call
        ├── InternalError          INTERNAL
        ├── UnavailableError       UNAVAILABLE           no connection, or a full queue; retried before it is raised
        ├── DataLossError          DATA_LOSS
        └── UnauthenticatedError   UNAUTHENTICATED

A wrong argument (a str where a list belongs) is a TypeError or a ValueError, as in any Python library.
"""

from __future__ import annotations

from typing import Final

import grpc

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "AnswerError",
    "CancelledError",
    "ClientError",
    "DataLossError",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "OutOfRangeError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "StatusError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "UnknownError",
    "status_error",
]


class ClientError(Exception):
    """The base of all errors that a call can end with."""


class AnswerError(ClientError):
    """The answer cannot be read, or is not as the contract says."""


class StatusError(ClientError):
    """A call ended with a gRPC status other than OK.

    Attributes:
        code: The status code.
        details: The server's text, or gRPC's where no server was reached.
        method: The path of the call.
    """

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN

    def __init__(self, details: str, method: str = "") -> None:
        call = f" ({method})" if method else ""
        super().__init__(f"{self.code.name}: {details}{call}")
        self.details = details
        self.method = method


class CancelledError(StatusError):
    """The call was cancelled."""

    code = grpc.StatusCode.CANCELLED


class UnknownError(StatusError):
    """The server failed without saying how."""

    code = grpc.StatusCode.UNKNOWN


class InvalidArgumentError(StatusError):
    """The model refuses the inputs: their names, dtypes or shapes."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class DeadlineExceededError(StatusError):
    """No answer came within the timeout."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class NotFoundError(StatusError):
    """The server has no such model or version."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExistsError(StatusError):
    """The thing that the call would make exists already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class PermissionDeniedError(StatusError):
    """The caller may not do that."""

    code = grpc.StatusCode.PERMISSION_DENIED


class ResourceExhaustedError(StatusError):
    """The server has too much to do, or a message is too large."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class FailedPreconditionError(StatusError):
    """The model has no such signature."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AbortedError(StatusError):
    """The server gave the call up."""

    code = grpc.StatusCode.ABORTED


class OutOfRangeError(StatusError):
    """A value is outside its range."""

    code = grpc.StatusCode.OUT_OF_RANGE


class UnimplementedError(StatusError):
    """The server does not know the call."""

    code = grpc.StatusCode.UNIMPLEMENTED


class InternalError(StatusError):
    """The server broke a rule of its own."""

    code = grpc.StatusCode.INTERNAL


class UnavailableError(StatusError):
    """There is no connection, the server stops, or its queue is full; raised after the retries."""

    code = grpc.StatusCode.UNAVAILABLE


class DataLossError(StatusError):
    """The server lost data."""

    code = grpc.StatusCode.DATA_LOSS


class UnauthenticatedError(StatusError):
    """The server does not know the caller."""

    code = grpc.StatusCode.UNAUTHENTICATED


_BY_CODE: Final[dict[grpc.StatusCode, type[StatusError]]] = {
    error.code: error
    for error in (
        CancelledError,
        UnknownError,
        InvalidArgumentError,
        DeadlineExceededError,
        NotFoundError,
        AlreadyExistsError,
        PermissionDeniedError,
        ResourceExhaustedError,
        FailedPreconditionError,
        AbortedError,
        OutOfRangeError,
        UnimplementedError,
        InternalError,
        UnavailableError,
        DataLossError,
        UnauthenticatedError,
    )
}


def status_error(code: grpc.StatusCode, details: str, method: str = "") -> StatusError:
    """Returns the error of a gRPC status."""
    return _BY_CODE.get(code, UnknownError)(details, method)
