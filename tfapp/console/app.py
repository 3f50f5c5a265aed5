"""The console as an ASGI application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import tfapp.apps.monitor
import tfapp.apps.recommend
import tfapp.apps.support
import tfapp.console
import tfapp.web
from tfapp.console.pages.entrance import EntrancePages
from tfapp.console.pages.labelling import LabellingPages
from tfapp.console.pages.models import ModelPages
from tfapp.console.pages.monitor import MonitorPages
from tfapp.console.pages.overview import OverviewPage
from tfapp.console.pages.recommend import RecommendPages
from tfapp.console.pages.support import SupportPages
from tfapp.console.pages.trying import TryPages
from tfapp.console.workplace import Workplace
from tfapp.web.access import Access
from tfapp.web.guard import Guard
from tfapp.web.login_throttle import LoginThrottle
from tfapp.web.sessions import SessionCookies, Sessions
from tfapp.web.views import Views

__all__ = ["make_app"]

_STATIC: Final = Path(tfapp.web.__file__).parent / "static"
_TEMPLATES: Final = [
    Path(package.__path__[0]) / "templates"
    for package in (tfapp.console, tfapp.apps.support, tfapp.apps.monitor, tfapp.apps.recommend)
]
# Pages that are made at the same time; most of them wait for a model or the database.
_THREADS: Final = 100


def make_app(workplace: Workplace, access: Access, *, ticks: Callable[[], float] = time.monotonic) -> Starlette:
    """Makes the application.

    Args:
        workplace: What it shows; closed when the application ends.
        access: Who may open it.
        ticks: Tells the time, in seconds, for what lasts a while.

    Returns:
        An ASGI application. Its pages run in threads, so that one that waits for a model holds up no other.
    """
    views, sessions = Views(access, workplace.clock, templates=_TEMPLATES), Sessions(access, ticks)
    pages = (
        OverviewPage(views, workplace),
        ModelPages(views, workplace),
        TryPages(views, workplace),
        SupportPages(views, workplace),
        MonitorPages(views, workplace),
        RecommendPages(views, workplace),
        LabellingPages(views, workplace, ticks),
        EntrancePages(views, access, sessions, LoginThrottle(ticks)),
    )
    routes = [route for page in pages for route in page.routes()]
    return Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=_STATIC), name="static")],
        middleware=[
            Middleware(SessionCookies, access=access, sessions=sessions),
            Middleware(Guard, access=access),
        ],
        exception_handlers=views.handlers,
        lifespan=_lifespan(workplace),
    )


def _lifespan(workplace: Workplace) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        workplace.start()
        try:
            yield
        finally:
            await run_in_threadpool(workplace.close)

    return lifespan
