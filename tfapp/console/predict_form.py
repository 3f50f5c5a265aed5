"""Asks a model about the texts of a form, by the model's task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tfapp_client import Classification, Client, contract
from tfapp_client.errors import ClientError

from tfapp.console.text_segments import MarkedSpan, text_segments
from tfapp.errors import SettingsError
from tfapp.web.forms import Form
from tfapp.workflows.version_catalogue import CatalogueEntry

__all__ = ["TASKS", "Question", "ask", "task_of"]

_SHOWN_LABELS: Final = 12


@dataclass(frozen=True)
class Question:
    """The model that is asked, and its version.

    Attributes:
        client: Asks it.
        model: Its name.
        version: A version; None: that of the label, or without one the newest that is served.
        label: A version label.
    """

    client: Client
    model: str
    version: int | None = None
    label: str | None = None


def ask(task: str, question: Question, form: Form) -> dict[str, Any]:
    """Asks the model and returns the values for the task's template.

    Args:
        task: One of `TASKS`.
        question: Whom to ask.
        form: The fields of the task's form.

    Raises:
        SettingsError: A field breaks its rule, or the task cannot be tried here.
        ClientError: The model cannot be asked.
    """
    if task not in TASKS:
        raise SettingsError(f"{question.model}: its task, {task or 'unknown'}, cannot be tried here")
    return TASKS[task](question, form)


def task_of(model: CatalogueEntry, client: Callable[[], Client]) -> str:
    """Returns a model's task, as recorded or by its signature; empty where neither tells.

    Raises:
        ServerError: The server must be asked and does not start.
    """
    recorded = model.released.task if model.versions else ""
    if recorded:
        return recorded
    try:
        signature = client().metadata(model.name).signatures.get(contract.DEFAULT_SIGNATURE)
    except ClientError:
        return ""
    return _by_signature(set(signature.inputs), set(signature.outputs)) if signature else ""


def _by_signature(inputs: set[str], outputs: set[str]) -> str:
    fitting = (
        name
        for name, task in contract.TASKS.items()
        if {spec.name for spec in task.inputs} == inputs
        and {spec.name for spec in task.outputs if not spec.optional} <= outputs
    )
    return next(fitting, "")


def _classify(question: Question, form: Form) -> dict[str, Any]:
    text = form.needed("text")
    (answer,) = question.client.classify(question.model, [text], version=question.version, label=question.label)
    return _labels(answer)


def _classify_pair(question: Question, form: Form) -> dict[str, Any]:
    pair = (form.needed("query"), form.needed("candidate"))
    (answer,) = question.client.classify_pairs(question.model, [pair], version=question.version, label=question.label)
    return _labels(answer)


def _labels(answer: Classification) -> dict[str, Any]:
    bars = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    return {"answer": answer, "bars": bars[:_SHOWN_LABELS], "more": max(0, len(bars) - _SHOWN_LABELS)}


def _tag(question: Question, form: Form) -> dict[str, Any]:
    text = form.needed("text")
    (entities,) = question.client.tag(question.model, [text], version=question.version, label=question.label)
    spans = [MarkedSpan(entity.start, entity.end, entity.tag, entity.score) for entity in entities]
    return {"segments": text_segments(text, spans), "entities": sorted(entities, key=lambda entity: entity.start)}


def _rank(question: Question, form: Form) -> dict[str, Any]:
    query, candidates = form.needed("query"), form.lines("candidates")
    return {
        "ranked": question.client.rank(
            question.model, query, candidates, version=question.version, label=question.label
        )
    }


def _answer(question: Question, form: Form) -> dict[str, Any]:
    question_text, context = form.needed("question"), form.needed("context")
    (answer,) = question.client.answer(
        question.model, [(question_text, context)], version=question.version, label=question.label
    )
    spans = [MarkedSpan(answer.start, answer.end, "answer", answer.score)] if answer.start >= 0 else []
    return {"answer": answer, "segments": text_segments(context, spans)}


def _embed(question: Question, form: Form) -> dict[str, Any]:
    texts = form.lines("texts", fewest=2)
    if len(texts) > _SHOWN_LABELS:
        raise SettingsError(f"texts: at most {_SHOWN_LABELS} lines are compared here, got {len(texts)}")
    vectors = question.client.embed(question.model, texts, version=question.version, label=question.label)
    return {"texts": texts, "cosines": (vectors @ vectors.T).tolist(), "width": vectors.shape[1]}


def _regress(question: Question, form: Form) -> dict[str, Any]:
    texts = form.lines("texts")
    scores = question.client.regress(question.model, texts, version=question.version, label=question.label)
    return {"scores": list(zip(texts, scores, strict=True))}


TASKS: Final[dict[str, Callable[[Question, Form], dict[str, Any]]]] = {
    "classification": _classify,
    "pair-classification": _classify_pair,
    "tagging": _tag,
    "ranking": _rank,
    "answering": _answer,
    "embedding": _embed,
    "regression": _regress,
}
"""What can be tried, by task."""
