"""The customer service's pages: the chat, corrections, hand-overs, and the knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.apps.support.corrections import CorrectionVerdict
from tfapp.apps.support.session import SupportSession
from tfapp.apps.support.tables import TurnRow
from tfapp.core.wording import pluralize
from tfapp.data.stored_texts import checked_name
from tfapp.errors import ConflictError, DataError
from tfapp.web.app_state import AppState, OverviewTile, StatePages, WebApplication
from tfapp.web.forms import Form

__all__ = ["SUPPORT", "SupportPages"]

_VERDICTS: Final = ("right", "wrong", "better")
_LEARNING: Final = "learn from corrections"
_LONGEST_QUESTION: Final = 2000
_REJECTED_ROWS: Final = 50


class SupportPages(StatePages[AppState]):
    """The customer service's pages."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        post = self._views.post
        return [
            Route("/support", self._begin),
            Route("/support/chat/{conversation:path}", self._chat),
            post("/support/chat/{conversation:path}", self._ask),
            post("/support/turn/{turn}", self._review),
            Route("/support/handovers", self._handovers),
            Route("/support/knowledge", self._knowledge),
            post("/support/learn", self._learn),
        ]

    def _begin(self, request: Request) -> Response:
        if self._state.session(SUPPORT) is None:
            return self._views.page(request, "missing.html", **_MISSING)
        return self._views.redirect(request, f"/support/chat/{uuid4().hex[:12]}")

    def _chat(self, request: Request) -> Response:
        name = _conversation(request)
        turns = self._session().inbox.conversation(name)
        return self._page(request, "support_chat.html", conversation=name, turns=turns)

    def _ask(self, request: Request, form: Form) -> Response:
        name = _conversation(request)
        reply = self._session().assistant().ask(form.required_text("question", longest=_LONGEST_QUESTION), name)
        notice = f"Did not respond: {reply.degraded}" if reply.degraded else ""
        return self._views.redirect(request, f"/support/chat/{name}", notice)

    def _review(self, request: Request, form: Form) -> Response:
        verdict = cast(CorrectionVerdict, form.choice("verdict", _VERDICTS))
        turn = request.path_params["turn"]
        form_values = {name: form.text(name).strip() or None for name in ("better", "intent", "replaces")}
        try:
            self._session().service.correct(turn, verdict, **form_values)
        except ConflictError:
            return self._conflict(request, turn, form_values)
        name = form.text("conversation")
        address = f"/support/chat/{checked_name('the conversation', name)}" if name else "/support/handovers"
        return self._views.redirect(request, address, "Saved. Choose Learn now on the Knowledge page to use it.")

    def _handovers(self, request: Request) -> Response:
        return self._queue(request, self._session().inbox.open_handovers())

    def _conflict(self, request: Request, turn: str, form_values: Mapping[str, str | None]) -> Response:
        """Shows a hand-over that somebody else answered first: their answer, and the form as it was sent."""
        inbox = self._session().inbox
        answer = inbox.turn(turn)
        page = self._queue(request, [*([answer] if answer else []), *inbox.open_handovers()], form_values)
        page.status_code = 409
        return page

    def _queue(
        self, request: Request, handovers: list[TurnRow], form_values: Mapping[str, str | None] | None = None
    ) -> Response:
        return self._page(request, "support_handovers.html", handovers=handovers, form_values=form_values or {})

    def _knowledge(self, request: Request) -> Response:
        session = self._session()
        knowledge = session.service.knowledge
        return self._page(
            request,
            "support_knowledge.html",
            counts=knowledge.counts(),
            embedder=session.embedder,
            rejected=knowledge.rejected_rows(_REJECTED_ROWS),
            answers=knowledge.answers(),
            corrections=session.corrections.unlearnt_count(),
            learning=self._state.jobs.get(_LEARNING),
        )

    def _learn(self, request: Request, _form: Form) -> Response:
        session = self._session()
        self._state.jobs.start(_LEARNING, lambda _job: session.learn())
        return self._views.redirect(request, "/support/knowledge")

    def _page(self, request: Request, template: str, **context: object) -> Response:
        return self._views.page(request, template, waiting=self._session().inbox.open_count(), **context)

    def _session(self) -> SupportSession:
        session = self._state.session(SUPPORT)
        if session is None:
            raise DataError(f"the customer service is not set up here yet; run `{_MISSING['command']}`")
        return session


def _conversation(request: Request) -> str:
    return checked_name("the conversation's name", request.path_params["conversation"])


_MISSING: Final = {
    "title": "Customer service",
    "about": "An assistant that answers from past conversations, names its sources, and hands over to a person when it "
    "is unsure.",
    "command": "tfapp support build FILE",
    "example": "tfapp support build chatterbot --where language=english",
}


def _tile(session: SupportSession | None) -> OverviewTile:
    title = "Customer service"
    if session is None:
        return OverviewTile(title, "/support")
    count, pairs = session.inbox.open_count(), session.service.knowledge.counts()["pairs"]
    caption = f"{'hand-over' if count == 1 else 'hand-overs'} waiting · {pluralize(pairs, 'question-answer pair')}"
    return OverviewTile(title, "/support/handovers", count, caption)


SUPPORT: Final = WebApplication(
    "support",
    "Support",
    "chat",
    open_session=lambda home, state: SupportSession(home, state.endpoints["support"], state.clock, state.remote),
    close_session=SupportSession.close,
    make_pages=SupportPages,
    templates=Path(__file__).parent / "templates",
    make_tile=_tile,
    static=Path(__file__).parent / "static",
)
"""The application as the console mounts it."""
