"""Writes answers: as columns beside the rows of a file, as JSON objects and as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import numpy as np
import pyarrow as pa

from tfapp.core.rows import Row

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BAR_WIDTH", "AnswerColumn", "AnswerFormat", "ClassAnswerFormat", "ScoreAnswerFormat"]

AnswerColumn: TypeAlias = np.ndarray | pa.Array
"""One value, or one vector, a row; Arrow where a value has parts of several types."""

BAR_WIDTH: Final = 20
"""Characters of the longest bar in a table."""

_SEPARATOR: Final = "|"


class AnswerFormat:
    """Writes all outputs of a model as they are; a task whose answers read better otherwise has a sub-class.

    Attributes:
        order: The outputs that come first in an object, in this order; the others follow as the model orders them.
        hidden: The outputs that an object lacks.
    """

    order: ClassVar[tuple[str, ...]] = ()
    hidden: ClassVar[tuple[str, ...]] = ()

    def columns(
        self, answers: Mapping[str, Any], rows: Sequence[Row], labels: Sequence[str] = ()
    ) -> dict[str, AnswerColumn]:
        """Returns the columns that a scored file has beside its own.

        Args:
            answers: The outputs of the task's contract, with N rows each.
            rows: The N rows that were asked about.
            labels: The labels whose probabilities are wanted, as the model orders them; none for no such columns.

        Returns:
            `predicted_NAME` of each output, N values or N vectors, fractions as float32.
        """
        del rows, labels
        return {f"predicted_{name}": _plain_type(np.asarray(values)) for name, values in answers.items()}

    def objects(
        self,
        answers: Mapping[str, Any],
        texts: Mapping[str, Sequence[str]],
        labels: Sequence[str] = (),
        *,
        probabilities: bool = False,
    ) -> list[dict[str, Any]]:
        """Returns a JSON object for each row: its texts by input, and the model's answers.

        Args:
            answers: The outputs of the task's contract, with N rows each.
            texts: The N texts of each input, by its name.
            labels: The model's labels, in the order of its probabilities.
            probabilities: Whether every label's probability is wanted, of a model that has them.
        """
        del labels, probabilities
        objects = [dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True)]
        for name in dict.fromkeys((*self.order, *answers)):
            if name in answers and name not in self.hidden:
                for values, value in zip(objects, np.asarray(answers[name]).tolist(), strict=True):
                    values[name] = value
        return objects

    def table(self, objects: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
        """Returns a table for the terminal: a line for each row with its texts and all that was answered.

        Args:
            objects: As `objects` gives them, at least one.
            inputs: The names of the task's inputs.
        """
        from rich.table import Table
        from rich.text import Text

        del inputs
        table = Table(*objects[0])
        for values in objects:
            table.add_row(
                *(Text(f"{value:.3f}" if isinstance(value, float) else str(value)) for value in values.values())
            )
        return table


class ScoreAnswerFormat(AnswerFormat):
    """Writes answers that are a score, and for some tasks a word that the score is of.

    Attributes:
        word: The output that the score is of; empty: the score is all that there is.
    """

    word: ClassVar[str] = ""

    def table(self, objects: Sequence[Mapping[str, Any]], inputs: Sequence[str]) -> Table:
        """Returns a table of the scores, with a bar for each if all are from 0 to 1; see `AnswerFormat.table`."""
        from rich.table import Table
        from rich.text import Text

        words = [self.word] if self.word else []
        label_columns = ["chosen"] if "labels" in objects[0] else []
        # The numbers of a regression have a unit of their own.
        bars = [""] if all(0 <= values["score"] <= 1 for values in objects) else []
        table = Table(*inputs, *words, "score", *bars, *label_columns)
        for values in objects:
            scores = values.get("probabilities") or {values.get(self.word, ""): values["score"]}
            for index, (word, score) in enumerate(sorted(scores.items(), key=lambda item: -item[1])):
                texts = [values[name] if not index else "" for name in inputs]
                labels = [word or Text("none", style="dim") for _ in words]
                label_cells = [", ".join(values["labels"]) or "none" if not index else ""] if label_columns else []
                table.add_row(
                    *texts, *labels, f"{score:.3f}", *("█" * round(score * BAR_WIDTH) for _ in bars), *label_cells
                )
        return table


class ClassAnswerFormat(ScoreAnswerFormat):
    """Writes the classes that a classifier answers, of texts or of pairs of texts."""

    order = ("label", "score")
    hidden = ("probabilities", "labels", "chosen", "unknown_score")
    word = "label"

    def columns(
        self, answers: Mapping[str, Any], rows: Sequence[Row], labels: Sequence[str] = ()
    ) -> dict[str, AnswerColumn]:
        """Returns `predicted_label`, `predicted_score` and the like.

        A multi-label model also has `predicted_labels`, joined by "|"; and each of `labels` has `probability.LABEL`,
        float32. See `AnswerFormat.columns`.
        """
        columns: dict[str, AnswerColumn] = {"predicted_label": np.asarray(answers["label"], object)}
        if "chosen" in answers:
            row_masks = zip(answers["labels"], np.asarray(answers["chosen"], bool), strict=True)
            columns["predicted_labels"] = np.array([_SEPARATOR.join(names[mask]) for names, mask in row_masks], object)
        other_columns = {
            name: answers[name] for name in answers if name not in ("label", "probabilities", "labels", "chosen")
        }
        columns |= super().columns(other_columns, rows)
        if labels and "probabilities" in answers:
            table = np.asarray(answers["probabilities"], np.float32)
            columns |= {f"probability.{label}": table[:, index] for index, label in enumerate(labels)}
        return columns

    def objects(
        self,
        answers: Mapping[str, Any],
        texts: Mapping[str, Sequence[str]],
        labels: Sequence[str] = (),
        *,
        probabilities: bool = False,
    ) -> list[dict[str, Any]]:
        """Returns `label` and `score`, the chosen `labels` of a multi-label model, and `probabilities` by label."""
        objects = super().objects(answers, texts)
        for values, mask in zip(objects, answers.get("chosen", ()), strict=False):
            values["labels"] = [label for label, is_chosen in zip(labels, mask, strict=True) if is_chosen]
        if probabilities and "probabilities" in answers:
            for values, row in zip(objects, answers["probabilities"], strict=True):
                values["probabilities"] = dict(zip(labels, map(float, row), strict=True))
        return objects


def _plain_type(values: np.ndarray) -> np.ndarray:
    """Returns strings as objects, fractions in single precision."""
    if values.dtype.kind in "OSU":
        return values.astype(object)
    return values.astype(np.float32) if values.dtype.kind == "f" else values
