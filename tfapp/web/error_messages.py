"""One line for what went wrong."""

from __future__ import annotations

from tfapp_client.errors import ClientError, DeadlineExceededError, StatusError, UnavailableError

from tfapp.errors import ConflictError, ServerError, StoreError

__all__ = ["explain", "http_status"]


def explain(error: Exception) -> str:
    """What is said of an error."""
    if isinstance(error, (UnavailableError, DeadlineExceededError)):
        return "the model server does not answer; the models page shows its state"
    if isinstance(error, StatusError):
        return f"the model server refused: {' '.join(error.details.split())}"
    return " ".join(str(error).split())


def http_status(error: Exception) -> int:
    """The status of its page: what may be better in a moment is 503, what others did first 409."""
    if isinstance(error, ConflictError):
        return 409
    return 503 if isinstance(error, (ServerError, StoreError, ClientError)) else 400
