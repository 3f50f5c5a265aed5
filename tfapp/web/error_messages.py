"""Makes one-line messages of errors."""

from __future__ import annotations

from tfapp_client.errors import ClientError, DeadlineExceededError, StatusError, UnavailableError

from tfapp.errors import ConflictError, ServerError, StoreError

__all__ = ["error_message", "http_status"]


def error_message(error: Exception) -> str:
    """Returns the message of an error, on one line."""
    if isinstance(error, (UnavailableError, DeadlineExceededError)):
        return "the model server does not answer; the Models page shows its state"
    if isinstance(error, StatusError):
        return f"the model server refused: {' '.join(error.details.split())}"
    return " ".join(str(error).split())


def http_status(error: Exception) -> int:
    """Returns the HTTP status of an error: 503 where a retry may help, 409 where others were first, else 400."""
    if isinstance(error, ConflictError):
        return 409
    return 503 if isinstance(error, (ServerError, StoreError, ClientError)) else 400
