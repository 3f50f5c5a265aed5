"""The playground's forms for regression."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["PAIR_REGRESSION_FORM", "REGRESSION_FORM"]

_TEMPLATE: Final = Path(__file__).parent / "templates" / "regression.playground.html.jinja"


def _regress(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    texts = form.lines("texts")
    scores = model.client.regress(model.name, texts, **model.routing)
    return {"scores": list(zip(texts, scores, strict=True))}


def _regress_pairs(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    query, candidates = form.needed("query"), form.lines("candidates")
    pairs = [(query, candidate) for candidate in candidates]
    scores = model.client.regress_pairs(model.name, pairs, **model.routing)
    return {"scores": list(zip(candidates, scores, strict=True))}


REGRESSION_FORM: Final = PlaygroundForm(
    (FormField("texts", "Texts", rows=7, hint="One per line"),), _regress, _TEMPLATE
)
PAIR_REGRESSION_FORM: Final = PlaygroundForm(
    (FormField("query", "First text"), FormField("candidates", "Second texts", rows=7, hint="One per line")),
    _regress_pairs,
    _TEMPLATE,
)
