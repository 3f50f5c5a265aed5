"""Renders pages from templates, also for errors, and Markdown."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from tfapp_client.errors import ClientError

from tfapp.core.wording import pluralize
from tfapp.errors import TfappError
from tfapp.version import __version__
from tfapp.web.access import Access
from tfapp.web.error_messages import error_message, http_status
from tfapp.web.forms import Form, read_form

__all__ = ["Action", "Views", "moved_page"]

Action = Callable[[Request, Form], Response]
_TEMPLATES: Final = Path(__file__).parent / "templates"
_TINTS: Final = 8
_log = logging.getLogger(__name__)


def moved_page(old_path: str, path: str) -> Route:
    """Returns the route of a page's old address, which redirects to the new one for good."""
    return Route(old_path, lambda _request: RedirectResponse(path, 301))


class Views:
    """Renders pages, checks forms, and shows errors.

    Args:
        access: Signs the forms.
        clock: Tells the time, for "3 minutes ago".
        templates: Folders of pages, beside those that all share.
        applications: Those in the menu, each with `name`, `title` and `icon`.
    """

    def __init__(
        self,
        access: Access,
        clock: Callable[[], datetime],
        *,
        templates: Sequence[Path] = (),
        applications: Sequence[Any] = (),
    ) -> None:
        self._access = access
        self._clock = clock
        self._env = jinja2.Environment(
            loader=jinja2.FileSystemLoader([_TEMPLATES, *templates]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._env.filters |= {
            "share": lambda value: f"{100 * value:.1f} %",
            "ago": self._ago,
            "markdown": render_markdown,
            "pluralize": pluralize,
            "size": lambda value: f"{value / 1e6:.1f} MB" if value >= 1e5 else f"{value / 1e3:.1f} kB",
            "when": lambda moment: _as_utc(moment).strftime("%Y-%m-%d %H:%M"),
            # One of the stylesheet's tints, always the same one for a name.
            "tint": lambda name: zlib.crc32(name.casefold().encode()) % _TINTS,
        }
        self._env.globals |= {
            "tfapp_version": __version__,
            "protected": access.password is not None,
            "applications": applications,
        }

    def page(self, request: Request, template: str, status_code: int = 200, /, **context: Any) -> Response:
        """Renders a page from a template."""
        session = request.session
        notice = session.pop("notice", "")
        token = self._access.form_token(session.get("id", ""))
        path = request.url.path
        text = self._env.get_template(template).render(token=token, notice=notice, path=path, **context)
        return HTMLResponse(text, status_code)

    def error(self, request: Request, status: int, message: str) -> Response:
        """Renders a page with the message of an error."""
        return self.page(request, "error.html", status, message=message, status=status)

    def redirect(self, request: Request, address: str, notice: str = "") -> Response:
        """Redirects to a page, which shows the notice."""
        if notice:
            request.session["notice"] = notice
        return RedirectResponse(address, 303)

    def post(self, path: str, action: Action) -> Route:
        """Returns a route for a form, which is read, whose token is checked, and whose action runs in a thread."""

        async def endpoint(request: Request) -> Response:
            async with read_form(request) as form:
                if not self._access.is_form_token(form.text("token"), request.session.get("id", "")):
                    raise HTTPException(403, "this page belongs to an earlier session; reload it")
                return await run_in_threadpool(action, request, form)

        return Route(path, endpoint, methods=["POST"])

    @property
    def handlers(self) -> dict[Any, Any]:
        """Returns the handlers that make pages of exceptions."""
        return {
            HTTPException: self._http_error,
            TfappError: self._known_error,
            ClientError: self._known_error,
            # Somebody who leaves within a form is no defect; nobody is there to be answered.
            ClientDisconnect: lambda _request, _error: Response(status_code=400),
            Exception: self._defect,
        }

    def _http_error(self, request: Request, error: HTTPException) -> Response:
        is_missing = error.status_code == 404
        message = "there is no page at this address; use the menu" if is_missing else str(error.detail)
        return self.error(request, error.status_code, message)

    def _known_error(self, request: Request, error: Exception) -> Response:
        return self.error(request, http_status(error), error_message(error))

    def _defect(self, request: Request, error: Exception) -> Response:
        _log.error("%s %s", request.method, request.url.path, exc_info=error)
        return self.error(request, 500, "this is a bug in tfapp, not your mistake; the console's log has the details")

    def _ago(self, moment: datetime | str) -> str:
        seconds = max(0.0, (self._clock() - _as_utc(moment)).total_seconds())
        for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
            if seconds >= size:
                return f"{pluralize(int(seconds // size), name)} ago"
        return "just now"


def _as_utc(moment: datetime | str) -> datetime:
    return (datetime.fromisoformat(moment) if isinstance(moment, str) else moment).astimezone(UTC)


def render_markdown(text: str) -> Markup:
    """Renders Markdown as HTML; HTML in it is shown as text, and links that run something are no links.

    Its headings stand two levels lower, below those of the page.
    """
    parser = _parser()
    tokens = parser.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
    # The parser has escaped all that it was given.
    return Markup(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
