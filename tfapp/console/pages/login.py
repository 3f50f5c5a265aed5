"""The login page, and the logout."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from tfapp.web.access import Access
from tfapp.web.forms import Form
from tfapp.web.login_throttle import LoginThrottle
from tfapp.web.sessions import Sessions
from tfapp.web.views import Views

__all__ = ["LoginPages", "own_path"]

_LONGEST_PATH: Final = 2000
_LOGIN: Final = "/login"


class LoginPages:
    """The page that asks for the password."""

    def __init__(self, views: Views, access: Access, sessions: Sessions, throttle: LoginThrottle) -> None:
        self._views = views
        self._access = access
        self._sessions = sessions
        self._throttle = throttle

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        views = self._views
        return [Route(_LOGIN, self._form), views.post(_LOGIN, self._enter), views.post("/logout", self._leave)]

    def _form(self, request: Request) -> Response:
        target = own_path(request.query_params.get("next", ""), request.app.routes)
        if self._access.password is None or request.session.get("entered"):
            return self._views.redirect(request, target)
        return self._views.page(request, "login.html", next=target, problem="")

    def _enter(self, request: Request, form: Form) -> Response:
        target = own_path(form.text("next"), request.app.routes)
        address = request.client.host if request.client else ""
        password = form.text("password", longest=1000)
        wait = self._throttle.take(address)
        if wait:
            why = f"Too many wrong passwords from your address. Wait {wait} second{'' if wait == 1 else 's'}."
            answer = self._views.page(request, "login.html", 429, next=target, problem=why)
            answer.headers["Retry-After"] = str(wait)
            return answer
        if not self._access.is_password(password):
            return self._views.page(request, "login.html", 403, next=target, problem="Wrong password.")
        self._throttle.forget(address)
        # A session that was known before it had entered is worth nothing after.
        self._sessions.end(request.scope["session"])
        request.scope["session"] = self._sessions.enter()
        return self._views.redirect(request, target)

    def _leave(self, request: Request, _form: Form) -> Response:
        self._sessions.end(request.scope["session"])
        request.scope["session"] = self._sessions.find("")
        return self._views.redirect(request, _LOGIN)


def own_path(target: str, routes: Iterable[BaseRoute]) -> str:
    """Returns a path with its query if it is that of a page of the application's routes, else the overview's."""
    path = unquote(target.partition("?")[0])
    # Browsers drop tabs and line ends, read a backslash as a slash, and resolve the segments . and .. themselves.
    is_plain = target.isprintable() and path.isprintable() and "\\" not in target and len(target) <= _LONGEST_PATH
    if not is_plain or path == _LOGIN or not {".", ".."}.isdisjoint(path.split("/")):
        return "/"
    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    pages = (route for route in routes if isinstance(route, Route))
    return target if any(route.matches(scope)[0] is Match.FULL for route in pages) else "/"
