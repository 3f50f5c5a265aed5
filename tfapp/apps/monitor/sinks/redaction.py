"""Redacts the secrets of the settings in errors of sinks."""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from tfapp.apps.monitor.sinks.sink import SinkError

__all__ = ["Redaction", "delivery", "shown_address", "url_secrets"]

_HIDDEN: Final = "***"
_LONGEST: Final = 500
# Shorter parts of a path or a query are words such as "api", and found in any text.
_SHORTEST: Final = 6
# Logs the address of each request.
_HTTP_LOGGER: Final = "httpx2"


class Redaction(logging.Filter):
    """Replaces secrets in texts and in lines of the log, as they are and as web addresses and mail servers spell them.

    Args:
        secrets: What nobody may read; empty ones are left out.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        super().__init__()
        forms = {form for secret in secrets if secret for form in _spellings(secret)}
        # Of two that begin alike, the longer one first.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Returns a text without the secrets."""
        for form in self._forms:
            text = text.replace(form, _HIDDEN)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Redacts the message of a log record, and keeps the record (`logging.Filter`)."""
        record.msg, record.args = self(record.getMessage()), ()
        return True


@contextmanager
def delivery(receiver: str, secrets: Iterable[str | None] = ()) -> Iterator[None]:
    """Raises any error within the block as a `SinkError`: one line that names the sink, without secrets.

    Args:
        receiver: The sink, as people may read it.
        secrets: What is left out of errors, and of the log meanwhile.

    Raises:
        SinkError: Anything went wrong.
    """
    redaction, logger = Redaction(secrets), logging.getLogger(_HTTP_LOGGER)
    logger.addFilter(redaction)
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a sink's failure is no other sink's
        reason = getattr(error, "strerror", None)
        message = reason if isinstance(reason, str) else str(error) or type(error).__name__
        # Not `from error`: a trace would tell what is left out here.
        raise SinkError(" ".join(f"{receiver}: {redaction(message)}".split())[:_LONGEST]) from None
    finally:
        logger.removeFilter(redaction)


def shown_address(url: str) -> str:
    """Returns a web address without user, password, path and query, any of which may be a secret.

    Example:
        >>> shown_address("https://user:pass@hooks.example:8443/services/T0/B1/token?key=1")
        'https://hooks.example:8443/...'
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/..." if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}"


def url_secrets(url: str) -> list[str]:
    """Returns the parts of a URL that `shown_address` leaves out, whole and in pieces."""
    parts = urlsplit(url)
    pieces = [*parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))]
    path = parts.path if parts.path.strip("/") else ""
    secrets = [parts.netloc.rpartition("@")[0], parts.password or "", path, parts.query]
    return [*secrets, *(piece for piece in pieces if len(piece) >= _SHORTEST)]


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield unquote(secret)
    yield repr(secret)[1:-1]
    data = secret.encode("utf-8", "replace")
    yield b64encode(data).decode()
