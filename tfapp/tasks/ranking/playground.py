"""The playground's form for ranking."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel

__all__ = ["RANKING_FORM"]


def _rank(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    query, candidates = form.needed("query"), form.lines("candidates")
    return {"ranked": model.client.rank(model.name, query, candidates, **model.routing)}


RANKING_FORM: Final = PlaygroundForm(
    (FormField("query", "Query"), FormField("candidates", "Candidates", rows=7, hint="One per line")),
    _rank,
    Path(__file__).parent / "templates" / "ranking.playground.html.jinja",
)
