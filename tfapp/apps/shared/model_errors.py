"""Translates the errors of a model's client into the line that a user reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tfapp_client.errors import ClientError, StatusError

from tfapp.errors import ServerError

__all__ = ["translate_client_errors"]


@contextmanager
def translate_client_errors(
    model: str, *, where: str = "the model server", hint: str = "check that it is served"
) -> Iterator[None]:
    """Raises the client's errors within the block as a `ServerError` that names the model and the server.

    Raises:
        ServerError: The model cannot be asked.
    """
    try:
        yield
    except ClientError as error:
        reason = error.details if isinstance(error, StatusError) else str(error)
        raise ServerError(f"{where}: the model {model} cannot be asked: {reason}; {hint}") from error
