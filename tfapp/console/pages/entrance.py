"""Entering with the password, and leaving."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.console.access import Access
from tfapp.console.forms import Form
from tfapp.console.views import Views

__all__ = ["EntrancePages"]

# Wrong passwords within so many seconds, after which nobody may try for the rest of them.
_TRIES: Final = 10
_SECONDS: Final = 60.0


class EntrancePages:
    """The page that asks for the password."""

    def __init__(self, views: Views, access: Access, ticks: Callable[[], float]) -> None:
        self._views = views
        self._access = access
        self._ticks = ticks
        self._wrong: deque[float] = deque(maxlen=_TRIES)

    def routes(self) -> list[BaseRoute]:
        """Where they are."""
        views = self._views
        return [Route("/login", self._form), views.post("/login", self._enter), views.post("/logout", self._leave)]

    def _form(self, request: Request) -> Response:
        wanted = _own_path(request.query_params.get("next", ""))
        if self._access.password is None or request.session.get("entered"):
            return self._views.go(request, wanted)
        return self._views.page(request, "login.html", next=wanted, problem="")

    def _enter(self, request: Request, form: Form) -> Response:
        wanted = _own_path(form.text("next"))
        if len(self._wrong) == _TRIES and self._ticks() - self._wrong[0] < _SECONDS:
            return self._refuse(request, wanted, 429, "Too many wrong passwords. Wait a minute.")
        if not self._access.is_password(form.text("password", longest=1000)):
            self._wrong.append(self._ticks())
            return self._refuse(request, wanted, 403, "That is not the password.")
        # A session that was known before it had entered is worth nothing after.
        request.session.clear()
        request.session.update({"id": secrets.token_urlsafe(16), "entered": True})
        return self._views.go(request, wanted)

    def _leave(self, request: Request, _form: Form) -> Response:
        request.session.clear()
        return self._views.go(request, "/login")

    def _refuse(self, request: Request, wanted: str, status: int, why: str) -> Response:
        page = self._views.page(request, "login.html", next=wanted, problem=why)
        page.status_code = status
        return page


def _own_path(wanted: str) -> str:
    """The path of a page here; anything that leads elsewhere is the first page."""
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/"
    # Browsers read a backslash as a slash, and drop tabs and line ends.
    plain = wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not (parts.netloc or parts.scheme) else "/"
