"""Writes the vectors of an embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from tfapp.data.answer_format import BAR_WIDTH, AnswerFormat

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["VectorAnswerFormat"]

_NUMBERS: Final = 3


class VectorAnswerFormat(AnswerFormat):
    """Writes vectors as they are, but for the terminal; see `AnswerFormat`."""

    def table(self, objects: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
        """Returns a table of each vector's beginning and of its cosine with the first, since all have length 1."""
        from rich.table import Table

        first = objects[0]["embedding"]
        table = Table(*inputs, f"{len(first)} numbers", "cosine", "with the first")
        for values in objects:
            cosine = sum(left * right for left, right in zip(values["embedding"], first, strict=True))
            start = " ".join(f"{value:.3f}" for value in values["embedding"][:_NUMBERS])
            bar = "█" * round(max(cosine, 0.0) * BAR_WIDTH)
            table.add_row(*(values[name] for name in inputs), f"{start} …", f"{cosine:.3f}", bar)
        return table
