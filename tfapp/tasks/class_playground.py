"""The playground's form for classes, of texts and of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

if TYPE_CHECKING:
    from tfapp_client import Classification

__all__ = ["PAIR_CLASSES_FORM", "TEXT_CLASSES_FORM"]

_MOST_BARS: Final = 12
_TEMPLATE: Final = Path(__file__).parent / "templates" / "classes.playground.html.jinja"


def _classify(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    (answer,) = model.client.classify(model.name, [form.required_text("text")], **model.routing)
    return _bars(answer)


def _classify_pair(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    pair = (form.required_text("query"), form.required_text("candidate"))
    (answer,) = model.client.classify_pairs(model.name, [pair], **model.routing)
    return _bars(answer)


def _bars(answer: Classification) -> dict[str, Any]:
    bars = sorted(answer.probabilities.items(), key=lambda item: -item[1])
    return {"answer": answer, "bars": bars[:_MOST_BARS], "more": max(0, len(bars) - _MOST_BARS)}


TEXT_CLASSES_FORM: Final = PlaygroundForm((FormField("text", "Text", rows=7),), _classify, _TEMPLATE)
PAIR_CLASSES_FORM: Final = PlaygroundForm(
    (FormField("query", "First text", rows=3), FormField("candidate", "Second text", rows=3)), _classify_pair, _TEMPLATE
)
