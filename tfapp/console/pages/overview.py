"""The first page: what there is, and what waits for a person."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.console.workplace import Workplace
from tfapp.web.views import Views

__all__ = ["OverviewPage"]


class OverviewPage:
    """The first page."""

    def __init__(self, views: Views, workplace: Workplace) -> None:
        self._views = views
        self._workplace = workplace

    def routes(self) -> list[BaseRoute]:
        """Where it is."""
        return [Route("/", self._show)]

    def _monitored(self) -> dict[str, int]:
        monitor = self._workplace.monitor
        if monitor is None:
            return {}
        return {"going_on": len(monitor.reading.alerts(open_only=True)), **monitor.reading.counts()}

    def _show(self, request: Request) -> Response:
        workplace, room = self._workplace, self._workplace.support
        models, feedback = workplace.models(), workplace.begun_feedback
        known = {} if room is None else {"waiting": room.desk.waiting(), **room.service.knowledge.counts()}
        return self._views.page(
            request,
            "overview.html",
            home=workplace.home.absolute(),
            server=workplace.server,
            models=models,
            places=list(dict.fromkeys(place for place, _ in models)),
            support=known,
            monitor=self._monitored(),
            recommend={} if workplace.recommend is None else workplace.recommend.catalogue.counts(),
            labelled=sum(feedback.labels.counts().values()) if feedback else 0,
            pools=len(feedback.pools.all()) if feedback else 0,
        )
