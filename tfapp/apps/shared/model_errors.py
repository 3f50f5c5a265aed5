"""What a client says went wrong, in the line that a user reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tfapp_client.errors import ClientError, StatusError

from tfapp.errors import ServerError

__all__ = ["asking"]


@contextmanager
def asking(model: str, *, where: str = "the model server", hint: str = "check that it is served") -> Iterator[None]:
    """Around what asks a model.

    Args:
        model: Its name.
        where: The server.
        hint: The way out.

    Raises:
        ServerError: The model cannot be asked.
    """
    try:
        yield
    except ClientError as error:
        what = error.details if isinstance(error, StatusError) else str(error)
        raise ServerError(f"{where}: the model {model} cannot be asked: {what}; {hint}") from error
