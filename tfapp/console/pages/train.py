"""The page that trains a model of a file: upload, look, correct, start, watch, try."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from tfapp.console.console_state import ConsoleState
from tfapp.console.data_file import DataFileView, FileCorrections, column_settings, look_at, servable_tasks
from tfapp.console.training_log import TrainingLog
from tfapp.console.training_queue import Training
from tfapp.console.uploads import LARGEST_UPLOAD, UploadedFile
from tfapp.core.files import safe_name
from tfapp.errors import DataError, SettingsError, TfappError, TrainingError
from tfapp.evaluation import Evaluation
from tfapp.registry.unlabelled_versions import promote_command
from tfapp.tasks.registry import all_tasks, read_evaluation
from tfapp.web.charts import Chart, step_chart
from tfapp.web.forms import LARGEST_KEY, Form, whole_number
from tfapp.web.views import Views
from tfapp.workflows import version_catalogue

__all__ = ["TrainPages"]

QUALITIES: Final = {
    "fast": "trains the output layer alone: a minute or less",
    "good": "trains in a few ways, as an expert would, and keeps the best",
    "best": "compares more ways to train, which takes several times as long",
}
_MOST_MINUTES: Final = 7 * 24 * 60
_TRAININGS: Final = 20
_LABELS: Final = 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# The report is made of texts of users: what is in it may draw, and nothing else.
_REPORT_POLICY: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


class TrainPages:
    """The pages of files and trainings."""

    def __init__(self, views: Views, state: ConsoleState) -> None:
        self._views = views
        self._state = state

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        post = self._views.post
        return [
            Route("/train", self._list),
            post("/train", self._upload),
            Route("/train/file/{file}", self._file),
            post("/train/file/{file}", self._look_or_start),
            Route("/train/{number}", self._details),
            post("/train/{number}/cancel", self._cancel),
            Route("/train/{number}/report", self._report),
        ]

    def _list(self, request: Request) -> Response:
        trainings = self._state.trainings.all()[:_TRAININGS]
        return self._views.page(
            request,
            "train.html",
            trainings=[(training, training.state, training.log()) for training in trainings],
            files=self._state.uploads.all(),
            suffixes=self._state.uploads.suffixes,
            largest=LARGEST_UPLOAD,
        )

    def _upload(self, request: Request, form: Form) -> Response:
        upload = form.upload("file")
        if upload is None:
            raise DataError(f"choose a file: {', '.join(self._state.uploads.suffixes)}")
        file = self._state.uploads.add(upload.filename or "", upload.file)
        return self._views.redirect(request, f"/train/file/{quote(file.name)}")

    def _file(self, request: Request) -> Response:
        file = self._state.uploads.get(request.path_params["file"])
        corrections = _corrections(request.query_params)
        return self._show_file(request, file, look_at(file.path, corrections))

    def _look_or_start(self, request: Request, form: Form) -> Response:
        file = self._state.uploads.get(request.path_params["file"])
        action = form.choice("then", ("look", "start", "delete"))
        if action == "delete":
            self._state.uploads.delete(file.name)
            return self._views.redirect(request, "/train", f"{file.name} deleted.")
        names = ("task", *(f"column.{name}" for name in _all_columns()))
        corrections = _drop_proposed_values(file, _corrections({name: form.text(name, longest=200) for name in names}))
        if action == "look":
            fields = {"task": corrections.task} | {f"column.{name}": column for name, column in corrections.columns}
            query = urlencode({name: text for name, text in fields.items() if text})
            return self._views.redirect(request, f"/train/file/{quote(file.name)}?{query}")
        view = look_at(file.path, corrections)
        if view.description is None:
            return self._show_file(request, file, view, 400)
        training = self._start(
            file, _training_options(corrections, form), form.required_text("model", longest=100).strip()
        )
        return self._views.redirect(request, f"/train/{training.number}")

    def _show_file(self, request: Request, file: UploadedFile, view: DataFileView, status: int = 200) -> Response:
        labels = sorted(view.description.labels.items(), key=lambda item: -item[1]) if view.description else []
        return self._views.page(
            request,
            "train_file.html",
            status,
            file=file,
            view=view,
            tasks={name: all_tasks()[name].settings.summary for name in servable_tasks()},
            labels=labels[:_LABELS],
            more_labels=len(labels[_LABELS:]),
            qualities=QUALITIES,
            model=model_name(file.name),
        )

    def _start(self, file: UploadedFile, options: list[str], model: str) -> Training:
        if not _NAME.fullmatch(model):
            raise SettingsError(f"model: letters, digits, dots, _ and -, and first a letter or digit; got {model!r}")
        runs, models = self._state.home.absolute() / "runs", self._state.endpoints["models"].folder.absolute()
        output_options = [f"--runs={runs}", f"--models={models}", f"--name={model}", "--json"]
        return self._state.trainings.add(
            ["train", str(file.path), *options, *output_options], title=file.name, model=model
        )

    def _details(self, request: Request) -> Response:
        training = self._training(request)
        state, log = training.state, training.log()
        earlier_trainings = [other for other in self._state.trainings.all() if other.number < training.number]
        before = sum(other.is_waiting or other.is_running for other in earlier_trainings) if state == "waiting" else 0
        return self._views.page(
            request,
            "training.html",
            training=training,
            state=state,
            log=log,
            curve=_curve(log),
            before=before,
            evaluation=_evaluation(log),
            run=log.run and (Path("runs") / log.run.parent.name / log.run.name),
            serving=self._serving(training, log),
            promote=self._promote_command(training, log),
            endpoint=self._state.endpoints["models"],
        )

    def _cancel(self, request: Request, _form: Form) -> Response:
        training = self._training(request)
        self._state.trainings.cancel(training.number)
        return self._views.redirect(request, f"/train/{training.number}")

    def _report(self, request: Request) -> Response:
        run = self._training(request).log().run
        try:
            text = (run / "report.html").read_text(encoding="utf-8") if run else ""
        except OSError:
            text = ""
        if not text:
            raise TrainingError("this training has no report; it did not come to its end, or its run was removed")
        return HTMLResponse(text, headers={"Content-Security-Policy": _REPORT_POLICY})

    def _training(self, request: Request) -> Training:
        return self._state.trainings.get(whole_number("training", request.path_params["number"], largest=LARGEST_KEY))

    def _serving(self, training: Training, log: TrainingLog) -> str:
        """Returns whether the server answers by the version that was published: `serving`, or why not."""
        if not log.version:
            return ""
        endpoint = self._state.endpoints["models"]
        # Its server was not started where this is the first model; one that runs looks for new versions itself.
        endpoint.start()
        states, problem = endpoint.status(training.model)
        version_status = next((state for state in states if str(state.version) == log.version_number), None)
        if version_status is not None and version_status.available:
            return "serving"
        if self._promote_command(training, log):
            return "published"
        return problem or (version_status and version_status.error) or "starting"

    def _promote_command(self, training: Training, log: TrainingLog) -> str:
        """Returns the command that has servers load the published version; empty: they load it, or there is none."""
        if not log.version:
            return ""
        models, number = self._state.endpoints["models"].folder, int(log.version_number)
        try:
            callers = version_catalogue.caller_versions(training.model, models=models)
        except SettingsError:
            # The server says what is wrong with the model config file.
            return ""
        return "" if number in callers.loaded else promote_command(training.model, number, models)


def _training_options(corrections: FileCorrections, form: Form) -> list[str]:
    """Returns the options of `tfapp train` that somebody chose in the form.

    Raises:
        SettingsError: A field breaks its rule.
    """
    options = {"quality": form.choice("quality", QUALITIES)}
    if form.text("minutes").strip():
        options["minutes"] = str(form.number("minutes", largest=_MOST_MINUTES))
        if options["minutes"] == "0":
            raise SettingsError("minutes: 1 or more, or nothing for as long as it takes; got 0")
    options |= {"task": corrections.task} if corrections.task else {}
    columns = [f"--column={name}={column}" for name, column in corrections.columns]
    return [*(f"--{name}={value}" for name, value in options.items()), *columns]


def model_name(file: str) -> str:
    """Returns the name of a model after that of its file."""
    return safe_name(file.partition(".")[0])[:60] or "model"


def _all_columns() -> list[str]:
    return list(dict.fromkeys(name for task in servable_tasks() for name in column_settings(task)))


def _corrections(fields: Mapping[str, str]) -> FileCorrections:
    """Returns the corrections of a file's reading that a form or an address has."""
    task = fields.get("task", "")
    if task and task not in servable_tasks():
        raise SettingsError(f"task: must be one of {', '.join(servable_tasks())}, got {task[:40]!r}")
    columns = ((name, fields.get(f"column.{name}", "")) for name in _all_columns())
    return FileCorrections(task, tuple((name, column) for name, column in columns if column))


def _drop_proposed_values(file: UploadedFile, corrections: FileCorrections) -> FileCorrections:
    """Returns the corrections that differ from the detected values, so that dependent settings (a rating) stay."""
    view = look_at(file.path, FileCorrections())
    task = "" if view.proposal and corrections.task == view.task else corrections.task
    fields = look_at(file.path, FileCorrections(task)).fields
    names = column_settings(task or view.task)
    columns = (item for item in corrections.columns if item[0] in names and fields.get(item[0]) != item[1])
    return FileCorrections(task, tuple(columns))


def _evaluation(log: TrainingLog) -> Evaluation | None:
    """Returns the evaluation of a finished run, unless somebody removed it."""
    try:
        return read_evaluation(json.loads((log.run / "evaluation.json").read_text("utf-8"))) if log.run else None
    except (OSError, ValueError, TfappError):
        return None


def _curve(log: TrainingLog) -> Chart | None:
    steps, losses = [step for step, _ in log.losses], [loss for _, loss in log.losses]
    return step_chart("Training loss by step", steps, losses) if len(losses) > 1 else None
