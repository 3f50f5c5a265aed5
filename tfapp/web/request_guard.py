"""Checks every request: its Host, size and origin, and whether its sender is logged in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfapp.web.access import Access
from tfapp.web.own_hosts import comes_from

__all__ = ["LONGEST_BODY", "LONGEST_LOGIN", "RequestGuard"]

LONGEST_BODY: Final = 32 << 20
"""Bytes of a request, at most."""
LONGEST_LOGIN: Final = 16 << 10
"""Bytes of a request whose sender has not entered, at most: a password and an address, however they are escaped."""
_SAFE: Final = ("GET", "HEAD")
_OPEN: Final = ("/login", "/static/")
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "no-referrer" would make browsers send forms from "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class RequestGuard:
    """ASGI middleware that checks requests; stands inside the one that reads the session.

    Args:
        app: What answers them.
        access: Who may open it.
        longest: Bytes of a request to some paths, where `LONGEST_BODY` is too few.
    """

    def __init__(self, app: ASGIApp, access: Access, longest: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._access = access
        self._longest = longest or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Checks a request and passes it on, or answers it with an error, as ASGI asks of an application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        answer = _with_headers(send, static=scope["path"].startswith("/static/"))
        longest = self._longest.get(scope["path"], LONGEST_BODY) if self._is_logged_in(scope) else LONGEST_LOGIN
        await (refusal or self._app)(scope, _limit(receive, longest), answer)

    def _is_logged_in(self, scope: Scope) -> bool:
        return self._access.password is None or scope["session"].is_logged_in

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        host = headers.get("host", "")
        if not self._access.allows(host):
            return _refuse(400, f"this console is not known as {host!r}; start it with --name for that name")
        if scope["method"] not in _SAFE and not comes_from(headers, lambda site: site == host):
            return _refuse(403, "this form was sent from another site")
        if not _is_readable(scope):
            return _refuse(400, "the address is not valid UTF-8, or has a null character")
        if self._is_logged_in(scope) or scope["path"].startswith(_OPEN):
            return None
        if scope["method"] not in _SAFE:
            return _refuse(401, "the session has ended; log in again")
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        # As it came, so that a question mark in a name stays one.
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        return RedirectResponse(f"/login?next={quote(path + query)}", 303)


def _is_readable(scope: Scope) -> bool:
    try:
        query = unquote_to_bytes(scope["query_string"]).decode()
    except UnicodeDecodeError:
        return False
    return "\0" not in query + scope["path"]


def _refuse(status: int, why: str) -> Response:
    return PlainTextResponse(f"tfapp: {why}\n", status)


def _limit(receive: Receive, longest: int) -> Receive:
    is_login = longest == LONGEST_LOGIN
    why = (
        f"more than {longest >> 10} kB; log in first"
        if is_login
        else f"more than {longest >> 20} MB; send less at once"
    )
    size = 0

    async def receive_limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > longest:
            raise HTTPException(413, why)
        return message

    return receive_limited


def _with_headers(send: Send, *, static: bool) -> Send:
    async def answer(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # A page may have a policy of its own.
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers["Cache-Control"] = "no-cache" if static else "no-store"
        await send(message)

    return answer
