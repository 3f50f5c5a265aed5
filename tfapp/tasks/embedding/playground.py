"""The playground's form for embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.errors import SettingsError
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["EMBEDDING_FORM"]

_MOST_TEXTS: Final = 12


def _embed(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    texts = form.lines("texts", fewest=2)
    if len(texts) > _MOST_TEXTS:
        raise SettingsError(f"texts: at most {_MOST_TEXTS} lines are compared here, got {len(texts)}")
    vectors = model.client.embed(model.name, texts, **model.routing)
    return {"texts": texts, "cosines": (vectors @ vectors.T).tolist(), "width": vectors.shape[1]}


EMBEDDING_FORM: Final = PlaygroundForm(
    (FormField("texts", "Texts", rows=7, hint=f"One per line, from 2 to {_MOST_TEXTS}"),),
    _embed,
    Path(__file__).parent / "templates" / "embedding.playground.html.jinja",
)
