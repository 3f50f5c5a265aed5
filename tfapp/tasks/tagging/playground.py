"""The playground's form for tagging."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.core.spans import MarkedSpan, text_segments
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["TAGGING_FORM"]


def _tag(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    text = form.needed("text")
    (entities,) = model.client.tag(model.name, [text], **model.routing)
    spans = [MarkedSpan(entity.start, entity.end, entity.tag, entity.score) for entity in entities]
    return {"segments": text_segments(text, spans), "entities": sorted(entities, key=lambda entity: entity.start)}


TAGGING_FORM: Final = PlaygroundForm(
    (FormField("text", "Text", rows=7),), _tag, Path(__file__).parent / "templates" / "tagging.playground.html.jinja"
)
