"""REST calls of a server under test."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["RestResponse", "ask"]


@dataclass(frozen=True)
class RestResponse:
    """An answer by REST.

    Attributes:
        status: The HTTP status.
        headers: The headers, their names in small letters.
        body: As it was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def content_type(self) -> str:
        """Returns the content type without its parameters, such as the charset."""
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self) -> Any:
        return json.loads(self.text)


def ask(port: int, verb: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> RestResponse:
    """Sends one request.

    Args:
        port: The REST port.
        verb: Such as "GET".
        path: Such as "/v1/models/numbers".
        body: bytes and str are sent as they are, everything else as JSON; None: no body.
        headers: More headers.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
    try:
        connection.request(verb, path, data.encode() if isinstance(data, str) else data, dict(headers or {}))
        answer = connection.getresponse()
        answer_headers = {name.lower(): value for name, value in answer.getheaders()}
        return RestResponse(answer.status, answer_headers, answer.read())
    finally:
        connection.close()
