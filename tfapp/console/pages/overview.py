"""The overview page of models, servers, applications and labels."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.console.console_state import ConsoleState
from tfapp.web.app_state import StatePages

__all__ = ["OverviewPage"]


class OverviewPage(StatePages[ConsoleState]):
    """The overview page."""

    def routes(self) -> list[BaseRoute]:
        """Returns the route of the page."""
        return [Route("/", self._show)]

    def _show(self, request: Request) -> Response:
        state = self._state
        models, feedback = state.models(), state.begun_feedback
        return self._views.page(
            request,
            "overview.html",
            home=state.home.absolute(),
            server=state.server,
            models=models,
            endpoints=list(dict.fromkeys(endpoint for endpoint, _ in models)),
            tiles=[
                (application.icon, application.make_tile(state.session(application)))
                for application in state.applications
            ],
            labelled=sum(feedback.labels.counts().values()) if feedback else 0,
            pools=len(feedback.pools.all()) if feedback else 0,
        )
