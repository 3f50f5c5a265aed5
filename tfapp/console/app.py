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

import tfapp.web
from tfapp.console.console_state import ConsoleState
from tfapp.console.pages.labelling import LabellingPages
from tfapp.console.pages.login import LoginPages
from tfapp.console.pages.models import ModelPages
from tfapp.console.pages.overview import OverviewPage
from tfapp.console.pages.playground import PlaygroundPages
from tfapp.console.pages.runs import RunPages
from tfapp.console.pages.train import TrainPages
from tfapp.console.predict_form import form_static_folders, form_templates
from tfapp.console.uploads import LARGEST_UPLOAD
from tfapp.web.access import Access
from tfapp.web.app_state import Pages
from tfapp.web.login_throttle import LoginThrottle
from tfapp.web.request_guard import LONGEST_BODY, RequestGuard
from tfapp.web.sessions import SessionCookies, Sessions
from tfapp.web.views import Views

__all__ = ["make_app"]

_SHARED_STATIC: Final = Path(tfapp.web.__path__[0]) / "static"
_STATIC: Final = Path(__file__).parent / "static"
_TEMPLATES: Final = Path(__file__).parent / "templates"
# Pages that are made at the same time; most of them wait for a model or the database.
_THREADS: Final = 100


def make_app(state: ConsoleState, access: Access, *, ticks: Callable[[], float] = time.monotonic) -> Starlette:
    """Makes the application.

    Args:
        state: What it shows; closed when the application ends.
        access: Who may open it.
        ticks: Tells the time, in seconds, for what lasts a while.

    Returns:
        An ASGI application. Its pages run in threads, so that one that waits for a model holds up no other.
    """
    templates = [_TEMPLATES, *(application.templates for application in state.applications), *form_templates()]
    views = Views(access, state.clock, templates=templates, applications=state.applications)
    sessions = Sessions(access, ticks)
    pages: tuple[Pages, ...] = (
        OverviewPage(views, state),
        ModelPages(views, state),
        TrainPages(views, state),
        RunPages(views, state),
        PlaygroundPages(views, state),
        *(application.make_pages(views, state) for application in state.applications),
        LabellingPages(views, state, ticks),
        LoginPages(views, access, sessions, LoginThrottle(ticks)),
    )
    routes = [route for page in pages for route in page.routes()]
    return Starlette(
        routes=[*routes, *_static_files(state)],
        middleware=[
            Middleware(SessionCookies, access=access, sessions=sessions),
            Middleware(RequestGuard, access=access, longest={"/train": LARGEST_UPLOAD + LONGEST_BODY}),
        ],
        exception_handlers=views.handlers,
        lifespan=_lifespan(state),
    )


def _static_files(state: ConsoleState) -> list[Mount]:
    """Returns the routes of stylesheets: those of each folder first, then those that all pages share."""
    folders = {application.name: application.static for application in state.applications if application.static}
    folders |= {f"tasks/{name}": folder for name, folder in form_static_folders().items()}
    folders["console"] = _STATIC
    mounts = [Mount(f"/static/{name}", StaticFiles(directory=folder)) for name, folder in folders.items()]
    return [*mounts, Mount("/static", StaticFiles(directory=_SHARED_STATIC), name="static")]


def _lifespan(state: ConsoleState) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        state.start()
        try:
            yield
        finally:
            await run_in_threadpool(state.close)

    return lifespan
