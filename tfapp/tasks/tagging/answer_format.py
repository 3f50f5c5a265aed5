"""Writes the spans that a tagger answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from tfapp.core.rows import Row, row_line
from tfapp.data.answer_format import AnswerColumn, AnswerFormat
from tfapp.tasks.tagging.predicted_entities import to_entities

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["SpanAnswerFormat"]

_ENTITIES: Final = pa.list_(
    pa.struct(
        [
            ("tag", pa.string()),
            ("text", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("score", pa.float32()),
        ]
    )
)


class SpanAnswerFormat(AnswerFormat):
    """Writes the spans of a text as a list of objects; see `AnswerFormat`."""

    def columns(
        self, answers: Mapping[str, Any], rows: Sequence[Row], labels: Sequence[str] = ()
    ) -> dict[str, AnswerColumn]:
        """Returns `predicted_entities`, a list of objects a row, as `to_entities` gives them."""
        del labels
        return {"predicted_entities": pa.array(to_entities(answers, [row_line(row) for row in rows]), _ENTITIES)}

    def objects(
        self,
        answers: Mapping[str, Any],
        texts: Mapping[str, Sequence[str]],
        labels: Sequence[str] = (),
        *,
        probabilities: bool = False,
    ) -> list[dict[str, Any]]:
        """Returns each text with its `entities`."""
        del labels, probabilities
        entities = to_entities(answers, texts["text"])
        return [{"text": text, "entities": spans} for text, spans in zip(texts["text"], entities, strict=True)]

    def table(self, objects: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
        """Returns a table with a line for each span."""
        from rich.table import Table

        del inputs
        table = Table("text", "entity", "type", "position", "score")
        for values in objects:
            for number, entity in enumerate(values["entities"] or [None]):
                text = values["text"] if not number else ""
                cells = (
                    [entity["text"], entity["tag"], f"{entity['start']}-{entity['end']}"] if entity else ["", "", ""]
                )
                table.add_row(text, *cells, f"{entity['score']:.3f}" if entity else "")
            table.add_section()
        return table
