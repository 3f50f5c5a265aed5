"""The recommender's pages: lists for users and similar items, with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.apps.recommend.session import RecommendSession
from tfapp.core.wording import pluralize
from tfapp.data.stored_texts import checked_name, tidy
from tfapp.errors import DataError, SettingsError
from tfapp.web.app_state import AppState, OverviewTile, StatePages, WebApplication
from tfapp.web.views import moved_page

__all__ = ["RECOMMEND", "RecommendPages"]

_COUNTS: Final = (5, 10, 20, 50)
_USERS: Final = 50
_PAST: Final = 8
_REJECTED_ROWS: Final = 50
_LONGEST: Final = 1000


class RecommendPages(StatePages[AppState]):
    """The recommender's pages."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        return [
            Route("/recommend", self._list),
            Route("/recommend/like", self._like),
            Route("/recommend/rejected", self._rejected_rows),
            moved_page("/recommend/set-aside", "/recommend/rejected"),
        ]

    def _list(self, request: Request) -> Response:
        if self._state.session(RECOMMEND) is None:
            return self._views.page(request, "missing.html", **_MISSING)
        catalogue, params = self._session().catalogue, request.query_params
        user, about = tidy(params.get("user", "")) or "", (tidy(params.get("about", "")) or "")[:_LONGEST]
        query: dict[str, Any] = {
            "user": user,
            "about": about,
            "new": "new" in params,
            "k": _count(params.get("k", "10")),
        }
        result, past = None, []
        if user or about:
            recommender = self._session().recommender()
            name = checked_name("the user", user or "somebody new")
            result = recommender.recommend(name, query["k"], about=about or None, new_only=query["new"])
            past = recommender.past(name, _PAST) if user else []
        return self._views.page(
            request,
            "recommend.html",
            query=query,
            choices=_COUNTS,
            result=result,
            past=past,
            counts=catalogue.counts(),
            users=catalogue.users(_USERS),
            trained=catalogue.newest_training(),
        )

    def _like(self, request: Request) -> Response:
        item = request.query_params.get("item", "")
        result = self._session().recommender().similar(item, 10)
        return self._views.page(request, "recommend_like.html", item=item, result=result)

    def _rejected_rows(self, request: Request) -> Response:
        return self._views.page(
            request, "recommend_rejected.html", rows=self._session().catalogue.rejected_rows(_REJECTED_ROWS)
        )

    def _session(self) -> RecommendSession:
        session = self._state.session(RECOMMEND)
        if session is None:
            raise DataError(f"the recommender is not set up here yet; run `{_MISSING['command']}`")
        return session


def _count(value: str) -> int:
    if value not in {str(count) for count in _COUNTS}:
        raise SettingsError(f"k: must be one of {', '.join(map(str, _COUNTS))}, got {value[:20]!r}")
    return int(value)


_MISSING: Final = {
    "title": "Recommend",
    "about": "Recommended items for each user, from the items' texts and from what users did, with reasons.",
    "command": "tfapp recommend items FILE",
    "example": "tfapp recommend demo",
}


def _tile(session: RecommendSession | None) -> OverviewTile:
    if session is None:
        return OverviewTile("Recommend", "/recommend")
    counts = session.catalogue.counts()
    caption = f"{'item' if counts['items'] == 1 else 'items'} · {pluralize(counts['users'], 'user')}"
    return OverviewTile("Recommend", "/recommend", counts["items"], caption)


RECOMMEND: Final = WebApplication(
    "recommend",
    "Recommend",
    "star",
    open_session=lambda home, state: RecommendSession(home, state.endpoints["recommend"], state.clock),
    close_session=RecommendSession.close,
    make_pages=RecommendPages,
    templates=Path(__file__).parent / "templates",
    make_tile=_tile,
    static=Path(__file__).parent / "static",
)
"""The application as the console mounts it."""
