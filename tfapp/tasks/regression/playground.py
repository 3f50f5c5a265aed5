"""The playground's form for regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["REGRESSION_FORM"]


def _regress(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    texts = form.lines("texts")
    scores = model.client.regress(model.name, texts, **model.routing)
    return {"scores": list(zip(texts, scores, strict=True))}


REGRESSION_FORM: Final = PlaygroundForm(
    (FormField("texts", "Texts", rows=7, hint="One per line"),),
    _regress,
    Path(__file__).parent / "templates" / "regression.playground.html.jinja",
)
