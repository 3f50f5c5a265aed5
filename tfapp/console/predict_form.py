"""The forms by which the playground asks models: that of a task, or one made from a model's inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from tfapp_client import Client, Signature, contract
from tfapp_client.errors import ClientError

from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.registry import all_tasks
from tfapp.tasks.spec import TaskSpec
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["ServedTask", "form_static_folders", "form_templates", "served_task"]

_OUTPUTS: Final = Path(__file__).parent / "templates" / "outputs.playground.html"


@dataclass(frozen=True)
class ServedTask:
    """A model's task, as the playground knows it.

    Attributes:
        name: As recorded or by the signature; empty where neither tells.
        form: How it is asked; None: its inputs are unknown, or no texts.
        labelled: Its texts can be labelled.
    """

    name: str = ""
    form: PlaygroundForm | None = None
    labelled: bool = False


def served_task(model: CatalogueEntry, client: Callable[[], Client]) -> ServedTask:
    """Returns a model's task, as recorded or by the signature that is served.

    Raises:
        ServerError: The server must be asked and does not start.
    """
    task_name = model.released.task if model.versions else ""
    spec = all_tasks().get(task_name)
    if spec:
        return _of_spec(spec)
    try:
        signature = client().metadata(model.name).signatures.get(contract.DEFAULT_SIGNATURE)
    except ClientError:
        signature = None
    if signature is None:
        return ServedTask(task_name)
    specs = [] if task_name else [spec for spec in all_tasks().values() if _fits(spec.contract, signature)]
    # The outputs of a ranking are among those of a classification, too.
    spec = max(specs, key=lambda spec: len(_required_outputs(spec.contract)), default=None)
    if spec:
        return _of_spec(spec)
    texts = all(tensor.dtype == "string" and len(tensor.shape or ()) == 1 for tensor in signature.inputs.values())
    return ServedTask(task_name, _plain_form(signature.inputs) if texts else None)


def form_templates() -> list[Path]:
    """Returns the folders of the templates that show the answers of the tasks."""
    forms = [spec.playground for spec in all_tasks().values()]
    return list(dict.fromkeys(form.template.parent for form in forms if form))


def form_static_folders() -> dict[str, Path]:
    """Returns the folders of the stylesheets of the tasks' answers, by task."""
    forms = {name: spec.playground for name, spec in all_tasks().items()}
    return {name: form.stylesheet.parent for name, form in forms.items() if form and form.stylesheet}


def _of_spec(spec: TaskSpec) -> ServedTask:
    form = spec.playground or (_plain_form(tensor.name for tensor in spec.contract.inputs))
    return ServedTask(spec.name, form, spec.classifies_texts)


def _fits(task: contract.Task, signature: Signature) -> bool:
    inputs = {tensor.name for tensor in task.inputs}
    return inputs == set(signature.inputs) and set() < _required_outputs(task) <= set(signature.outputs)


def _required_outputs(task: contract.Task) -> set[str]:
    return {tensor.name for tensor in task.outputs if not tensor.optional}


def _plain_form(inputs: Iterable[str]) -> PlaygroundForm:
    """Returns a form of a text for each input, whose answer is a table of the outputs."""
    fields = tuple(FormField(name, name.replace("_", " ").capitalize(), rows=5) for name in inputs)

    def ask(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
        texts = {field.name: [form.required_text(field.name)] for field in fields}
        outputs = model.client.predict(model.name, texts, **model.routing)
        return {"outputs": [(name, _format_values(values)) for name, values in outputs.items()]}

    return PlaygroundForm(fields, ask, _OUTPUTS)


def _format_values(values: np.ndarray) -> list[str]:
    """Returns the values of an output as people read them."""
    decimals = values.dtype.kind == "f"
    return [
        f"{value:.4f}" if decimals else value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in values.ravel().tolist()
    ]
