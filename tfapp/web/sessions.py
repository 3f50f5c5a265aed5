"""Login sessions on the server; a browser holds no more than a session's random name."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfapp.web.access import Access

__all__ = ["IDLE_SECONDS", "LONGEST_SECONDS", "Session", "SessionCookies", "Sessions"]

IDLE_SECONDS: Final = 2 * 3600.0
"""The lifetime of an unused session, in seconds; an open page that is live uses it."""
LONGEST_SECONDS: Final = 12 * 3600.0
"""The lifetime of any session, in seconds."""
_MOST: Final = 1000


class Session(dict[str, Any]):
    """A session's JSON values by their names; `id` names the session.

    Attributes:
        begun: When it was first kept; None: it holds nothing yet that is worth keeping.
        used: When it was used last.
    """

    begun: float | None = None
    used: float = 0.0

    @property
    def is_logged_in(self) -> bool:
        """Returns whether its owner gave the password."""
        return bool(self.get("entered"))


class Sessions:
    """The sessions of a console, up to a maximum; they end with it.

    A visitor who has not entered is only a signed name in a cookie, so visitors take no memory, however many come.

    Args:
        access: Signs the names.
        ticks: Tells the time, in seconds.
        max_sessions: How many are kept; of more, the one that was unused longest ends.
    """

    def __init__(self, access: Access, ticks: Callable[[], float], *, max_sessions: int = _MOST) -> None:
        self._access = access
        self._ticks = ticks
        self._max_sessions = max_sessions
        # The one that was unused longest comes first.
        self._kept: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, cookie: str) -> Session:
        """Returns the session of a cookie, or a visitor's where it has none that goes on."""
        name = self._access.session_name(cookie)
        with self._lock:
            self._end_old(name)
            session = self._kept.get(name)
            if session is None:
                return Session(id=name or secrets.token_urlsafe(16))
            session.used = self._ticks()
            self._kept.move_to_end(name)
            return session

    def enter(self) -> Session:
        """Starts the session of somebody who gave the password, under a name that nobody can have known before."""
        session = Session(id=secrets.token_urlsafe(16), entered=True)
        self.keep(session)
        return session

    def keep(self, session: Session) -> None:
        """Stores a session with its first values; one that has ended is not started again."""
        if session.begun is not None or len(session) < 2:
            return
        with self._lock:
            session.begun = session.used = self._ticks()
            self._kept[session["id"]] = session
            while len(self._kept) > self._max_sessions:
                self._kept.popitem(last=False)

    def end(self, session: Session) -> None:
        """Ends a session: from now on its cookie is a visitor's."""
        with self._lock:
            self._kept.pop(session["id"], None)

    def _end_old(self, name: str) -> None:
        now = self._ticks()
        while self._kept and now - next(iter(self._kept.values())).used >= IDLE_SECONDS:
            self._kept.popitem(last=False)
        session = self._kept.get(name)
        if session is not None and session.begun is not None and now - session.begun >= LONGEST_SECONDS:
            del self._kept[name]


class SessionCookies:
    """ASGI middleware that finds the session of each request, as `request.session`."""

    def __init__(self, app: ASGIApp, access: Access, sessions: Sessions) -> None:
        self._app = app
        self._access = access
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles a request, as ASGI asks of an application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cookie = HTTPConnection(scope).cookies.get(self._access.cookie, "")
        scope["session"] = self._sessions.find(cookie)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A page may have begun another session.
                session = scope["session"]
                self._sessions.keep(session)
                value = self._access.session_cookie(session["id"])
                if value != cookie:
                    age, secure = int(LONGEST_SECONDS), "; secure" if self._access.tls else ""
                    header = f"{self._access.cookie}={value}; path=/; Max-Age={age}; httponly; samesite=strict{secure}"
                    MutableHeaders(scope=message).append("Set-Cookie", header)
            await send(message)

        await self._app(scope, receive, answer)
