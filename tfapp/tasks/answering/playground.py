"""The playground's form for answering."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.core.spans import MarkedSpan, text_segments
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["ANSWERING_FORM"]


def _answer(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    question, context = form.needed("question"), form.needed("context")
    (answer,) = model.client.answer(model.name, [(question, context)], **model.routing)
    spans = [MarkedSpan(answer.start, answer.end, "answer", answer.score)] if answer.start >= 0 else []
    return {"answer": answer, "segments": text_segments(context, spans)}


ANSWERING_FORM: Final = PlaygroundForm(
    (FormField("question", "Question"), FormField("context", "Context", rows=8)),
    _answer,
    Path(__file__).parent / "templates" / "answering.playground.html.jinja",
)
