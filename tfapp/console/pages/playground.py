"""The playground: a form for any model by its task, and its answer made visible."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from tfapp_client.errors import ClientError

from tfapp.apps.feedback.labels import Label
from tfapp.console.console_state import ConsoleState
from tfapp.console.predict_form import ServedTask, served_task
from tfapp.errors import SettingsError
from tfapp.registry import STABLE
from tfapp.tasks.playground import PlaygroundModel
from tfapp.web.app_state import StatePages
from tfapp.web.error_messages import error_message, http_status
from tfapp.web.forms import Form
from tfapp.web.models_endpoint import ModelsEndpoint
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["PlaygroundPages"]


class PlaygroundPages(StatePages[ConsoleState]):
    """The playground's pages."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        post = self._views.post
        return [
            Route("/try", self._choose),
            Route("/try/{endpoint}/{name}", self._form),
            post("/try/{endpoint}/{name}", self._ask),
            post("/try/{endpoint}/{name}/label", self._label),
        ]

    def _choose(self, request: Request) -> Response:
        models, folder = self._state.models(), self._state.endpoints["models"].folder
        return self._views.page(request, "playground_models.html", models=models, folder=folder)

    def _form(self, request: Request) -> Response:
        endpoint, model = self._model(request)
        task = served_task(model, endpoint.client)
        context = {"task": task, "values": dict.fromkeys(_names(task), ""), "answer": None}
        return self._show(request, endpoint, model, context)

    def _ask(self, request: Request, form: Form) -> Response:
        endpoint, model = self._model(request)
        task = served_task(model, endpoint.client)
        if task.form is None:
            raise SettingsError(
                f"{model.name}: the playground does not support its task, {task.name or 'unknown'}; use the client"
            )
        context = {"task": task, "values": {name: form.text(name) for name in _names(task)}, "answer": None}
        try:
            version = form.number("version") if form.text("version") else None
            version_choice = {"version": version, "label": _stable_label(model) if version is None else None}
            answer = task.form.ask(PlaygroundModel(endpoint.client(), model.name, version_choice), form)
        except (SettingsError, ClientError) as error:
            # The form stays as it was sent, for another try.
            page = self._show(request, endpoint, model, context | {"problem": error_message(error)})
            page.status_code = http_status(error)
            return page
        return self._show(request, endpoint, model, context | {"answer": answer})

    def _label(self, request: Request, form: Form) -> Response:
        """Stores the correct label of a text, in the same table as the labelling page."""
        endpoint, model = self._model(request)
        if not served_task(model, endpoint.client).labelled:
            raise SettingsError(f"{model.name}: only texts of a model that classifies can be labelled; try another one")
        text = form.required_text("text")
        (answer,) = endpoint.client().classify(model.name, [text], label=_stable_label(model))
        labels, who = tuple(form.several("label")), str(request.session.get("name", ""))
        label = Label(model.name, text, labels, answer.chosen is not None, None, answer.label, answer.score, who)
        self._state.feedback.labels.give(label)
        back = request.url.path.removesuffix("/label")
        return self._views.redirect(request, back, "Label saved. You can export it on the labelling page.")

    def _model(self, request: Request) -> tuple[ModelsEndpoint, CatalogueEntry]:
        return self._state.model(request.path_params["endpoint"], request.path_params["name"])

    def _show(
        self, request: Request, endpoint: ModelsEndpoint, model: CatalogueEntry, context: dict[str, Any]
    ) -> Response:
        others = self._state.models()
        return self._views.page(request, "playground.html", endpoint=endpoint, model=model, others=others, **context)


def _names(task: ServedTask) -> list[str]:
    return [*(field.name for field in task.form.fields), "version"] if task.form else ["version"]


def _stable_label(model: CatalogueEntry) -> str | None:
    return STABLE if model.stable else None
