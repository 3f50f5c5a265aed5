"""The labelling pages: pools of unlabelled texts, the least certain first, and the labels."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from tfapp_client.errors import ClientError

from tfapp.apps.feedback.labels import Label
from tfapp.apps.feedback.pool_scoring import MEASURES
from tfapp.apps.feedback.pools import UncertaintyMeasure
from tfapp.apps.feedback.tables import PoolRow, PoolTextRow
from tfapp.console.background_scoring import BackgroundScoring
from tfapp.console.console_state import ConsoleState
from tfapp.data.stored_texts import tidy
from tfapp.errors import DataError, RegistryError, ServerError
from tfapp.web.forms import LARGEST_KEY, SUFFIXES, Form, upload_as_file
from tfapp.web.views import Views

__all__ = ["LabellingPages", "Leases"]

# Labels that are buttons of their own; more are a list.
_BUTTONS: Final = 12
_ASK_SECONDS: Final = 5.0
_LATEST: Final = 5
# Texts of an application that become a pool.
_NEWEST: Final = 2000


@dataclass(frozen=True)
class _LabellingText:
    """A text with its labels, their probabilities where they are known, and those that a multi-label model chose."""

    text: PoolTextRow
    labels: list[tuple[str, float | None]]
    chosen: tuple[str, ...]

    @property
    def buttons(self) -> list[tuple[str, float | None]]:
        return self.labels[:_BUTTONS]

    @property
    def further(self) -> list[str]:
        return sorted(label for label, _ in self.labels[_BUTTONS:])


class LabellingPages:
    """The labelling's pages."""

    def __init__(self, views: Views, state: ConsoleState, ticks: Callable[[], float] = time.monotonic) -> None:
        self._views = views
        self._state = state
        self._scoring = BackgroundScoring(state, ticks)
        self._leases = Leases(ticks)

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        post = self._views.post
        return [
            Route("/labelling", self._list),
            post("/labelling", self._upload),
            post("/labelling/{application}", self._from_application),
            Route("/labelling/export/{model}", self._export),
            Route("/labelling/pool/{pool}", self._next),
            post("/labelling/pool/{pool}/label", self._label),
            post("/labelling/pool/{pool}/skip", self._skip),
            post("/labelling/pool/{pool}/undo", self._undo),
        ]

    def _list(self, request: Request) -> Response:
        feedback = self._state.begun_feedback
        rows = feedback.pools.all() if feedback else []
        pools = [(pool, feedback.pools.progress(pool), self._scoring.job(pool)) for pool in rows if feedback]
        return self._views.page(
            request,
            "labelling.html",
            pools=pools,
            counts=feedback.labels.counts() if feedback else {},
            models=self._scoring.classifiers(),
            name=request.session.get("name", ""),
            suffixes=",".join(SUFFIXES),
        )

    def _upload(self, request: Request, form: Form) -> Response:
        model = form.choice("model", self._scoring.classifiers())
        request.session["name"] = tidy(form.text("name", longest=80)) or ""
        upload = form.upload("file")
        if upload is None:
            raise DataError(f"choose a file with one text per row: {', '.join(SUFFIXES)}")
        column = form.text("column", longest=200).strip() or None
        with upload_as_file(upload) as (name, file):
            pool = self._state.feedback.add(file, model=model, name=name, column=column)
        self._scoring.start(pool)
        return self._views.redirect(request, f"/labelling/pool/{pool.id}")

    def _from_application(self, request: Request, form: Form) -> Response:
        """Makes a pool of an application's newest texts."""
        application = self._state.application(request.path_params["application"])
        if application is None or application.unlabelled_texts is None:
            raise DataError("there is no application of this name with texts to label; use the menu")
        session = self._state.session(application)
        if session is None:
            raise DataError(f"{application.title} is not set up here yet; its page has the command")
        source = application.unlabelled_texts(session, _NEWEST)
        model = form.choice("model", source.models)
        pool = self._state.feedback.pools.add(source.title, model, source.texts)
        self._scoring.start(pool)
        return self._views.redirect(request, f"/labelling/pool/{pool.id}")

    def _next(self, request: Request) -> Response:
        pools = self._state.feedback.pools
        pool, person = self._pool(request), request.session["id"]
        value = request.query_params.get("by")
        measure = cast(UncertaintyMeasure, value if value in MEASURES else MEASURES[0])
        self._scoring.keep_up(pool)
        texts = pools.least_certain(pool, measure, without=self._leases.others(pool.id, person))
        text = texts[0] if texts else None
        if text is not None:
            self._leases.take(pool.id, text.id, person)
        return self._views.page(
            request,
            "labelling_pool.html",
            item=self._item(pool, text) if text else None,
            pool=pool,
            measure=measure,
            progress=pools.progress(pool),
            job=self._scoring.job(pool),
            latest=self._state.feedback.labels.latest(pool.model, _LATEST),
        )

    def _label(self, request: Request, form: Form) -> Response:
        feedback, pool = self._state.feedback, self._pool(request)
        text = feedback.pools.text(pool, form.number("text", largest=LARGEST_KEY))
        other, labels = tidy(form.text("other", longest=300)), form.several("label")
        names = [*(labels if pool.multi_label or not other else ()), *([other] if other else ())]
        answer = (text.version, text.predicted, text.score, str(request.session.get("name", "")))
        feedback.labels.give(Label(pool.model, text.text, tuple(names), pool.multi_label, *answer))
        return self._continue(request, pool, form)

    def _skip(self, request: Request, form: Form) -> Response:
        pool = self._pool(request)
        self._state.feedback.pools.skip(pool, form.number("text", largest=LARGEST_KEY))
        return self._continue(request, pool, form)

    def _undo(self, request: Request, form: Form) -> Response:
        pool = self._pool(request)
        self._state.feedback.labels.take_back(pool.model, form.required_text("text", longest=200_000))
        return self._continue(request, pool, form, "Label removed; the text is back in the pool.")

    def _continue(self, request: Request, pool: PoolRow, form: Form, notice: str = "") -> Response:
        return self._views.redirect(request, f"/labelling/pool/{pool.id}?by={form.choice('by', MEASURES)}", notice)

    def _export(self, request: Request) -> Response:
        model = request.path_params["model"]
        rows = [json.dumps(row, ensure_ascii=False) for row in self._state.feedback.labels.rows(model)]
        if not rows:
            raise DataError(f"{model[:80]}: no texts have been labelled for this model yet; label some first")
        # The name is ours: what a model is called must not become part of a header.
        headers = {"Content-Disposition": 'attachment; filename="labels.jsonl"'}
        return Response("\n".join(rows) + "\n", media_type="application/jsonl", headers=headers)

    def _pool(self, request: Request) -> PoolRow:
        return self._state.feedback.pools.get(request.path_params["pool"])

    def _item(self, pool: PoolRow, text: PoolTextRow) -> _LabellingText:
        """Returns the text with its labels' probabilities, or the labels alone while the model cannot be asked."""
        try:
            client = self._scoring.endpoint(pool.model).client(wait=False)
            (answer,) = client.classify(pool.model, [text.text], timeout=_ASK_SECONDS)
        except (ClientError, ServerError, RegistryError):
            return _LabellingText(text, [(label, None) for label in pool.labels], ())
        pairs = sorted(answer.probabilities.items(), key=lambda item: -item[1])
        return _LabellingText(text, [(label, chance) for label, chance in pairs], answer.chosen or ())


class Leases:
    """Leases texts of pools to people for a while.

    Args:
        ticks: Tells the time, in seconds.
        seconds: How long a text is lent.
    """

    def __init__(self, ticks: Callable[[], float], seconds: float = 120.0) -> None:
        self._ticks = ticks
        self._seconds = seconds
        self._leases: dict[tuple[str, int], tuple[str, float]] = {}
        self._lock = threading.Lock()

    def others(self, pool: str, person: str) -> set[int]:
        """Returns the texts that other people are labelling."""
        with self._lock:
            now = self._ticks()
            self._leases = {key: lease for key, lease in self._leases.items() if lease[1] > now}
            return {text for (key, text), (holder, _) in self._leases.items() if key == pool and holder != person}

    def take(self, pool: str, text: int, person: str) -> None:
        """Leases a text to a person, whose earlier lease in the pool ends."""
        with self._lock:
            others = {key: lease for key, lease in self._leases.items() if key[0] != pool or lease[0] != person}
            self._leases = {**others, (pool, text): (person, self._ticks() + self._seconds)}
