"""The evaluation of a tagger's spans on held-out texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfapp.evaluation import plots
from tfapp.evaluation.base import Board, Evaluation
from tfapp.evaluation.metrics import Scores, macro_note
from tfapp.evaluation.tables import markdown_table, score_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["MISTAKE_KINDS", "NO_SPAN", "EntityEvaluation", "EntityMistake"]

MISTAKE_KINDS = ("missed", "spurious", "wrong border", "wrong type")
# The row and column of the confusion matrix for what the other one lacks.
NO_SPAN = "(none)"


@dataclass(frozen=True)
class EntityMistake:
    """A span that the model missed, made up or got wrong.

    Attributes:
        kind: "missed", "spurious", "wrong border" (the type is right) or "wrong type" (the border may be wrong too).
        context: The text around both spans, cut to 60 characters on both sides.
        truth: The true span's words; empty where spurious.
        truth_type: Its type.
        predicted: The predicted span's words; empty where missed.
        predicted_type: Its type.
        score: The model's score of it; 0 where missed.
        row: The line of its file on which the text's row begins, or the number of the row.
    """

    kind: str
    context: str
    truth: str
    truth_type: str
    predicted: str
    predicted_type: str
    score: float
    row: int


@dataclass(frozen=True)
class EntityEvaluation(Evaluation):
    """Scores of a tagger on one split.

    A span counts as found where start, end and type are right, to the character.

    Attributes:
        labels: The types.
        count: Texts evaluated.
        loss: Mean loss of a word in nats.
        words: Words evaluated.
        types: Scores by type, in the order of `labels`.
        micro, macro, weighted: Means over spans, over types that are met, and over types by their support.
        main_interval: 95 % bootstrap interval of the micro F1, by texts.
        word_accuracy: Share of words whose type, or none, is right.
        word_types: Scores by type over single words.
        out_of_reach: True spans that start or end inside a word of the model, which it can never find.
        confusion: Counts of spans, row the truth, column the prediction between the same borders; last the spans that
            the other side lacks.
        mistake_counts: By kind, in the order of `MISTAKE_KINDS`.
        mistakes: Up to ten of each kind, the surest first.
    """

    kind = "entities"

    labels: tuple[str, ...]
    count: int
    loss: float
    words: int
    types: tuple[Scores, ...]
    micro: Scores
    macro: Scores
    weighted: Scores
    main_interval: tuple[float, float]
    word_accuracy: float
    word_types: tuple[Scores, ...]
    out_of_reach: int
    confusion: tuple[tuple[int, ...], ...]
    mistake_counts: tuple[int, ...]
    mistakes: tuple[EntityMistake, ...]

    @property
    def main_name(self) -> str:
        """Returns the measure that models are compared by."""
        return "entity F1"

    @property
    def main_score(self) -> float:
        """Returns the micro F1 over spans."""
        return self.micro.f1

    @property
    def means(self) -> tuple[Scores, Scores, Scores]:
        """Returns the micro, macro and weighted means."""
        return self.micro, self.macro, self.weighted

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the texts, their true spans, and the mistakes."""
        texts = f"{self.count:,} {'text' if self.count == 1 else 'texts'}"
        spans = f"{self.micro.support:,} {'entity' if self.micro.support == 1 else 'entities'}"
        return texts, spans, f"{sum(self.mistake_counts):,} wrong"

    def metrics(self) -> dict[str, float]:
        """Returns the entities' F1, precision and recall, macro F1, the words' accuracy and the loss."""
        scores = {"entity_F1": self.micro.f1, "precision": self.micro.precision, "recall": self.micro.recall}
        return scores | {"macro_f1": self.macro.f1, "word_accuracy": self.word_accuracy, "loss": self.loss}

    def details(self) -> dict[str, str]:
        """Returns precision, recall, macro F1, accuracy of words, loss, and how many spans cannot be found."""
        values = {
            "Precision": f"{self.micro.precision:.3f}",
            "Recall": f"{self.micro.recall:.3f}",
            "Macro F1": f"{self.macro.f1:.3f}{macro_note(self.macro, self.types, 'types')}",
            "Words with the right type": f"{100 * self.word_accuracy:.1f}\u202f% of {self.words:,}",
            "Loss": f"{self.loss:.4f} a word",
        }
        if self.out_of_reach:
            values["Out of reach"] = f"{self.out_of_reach:,} true spans that start or end inside a word"
        return values

    def table(self) -> Table:
        """Returns the scores by type and their means, for a terminal."""
        return score_table("type", "entities", self.types, self.means)

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the confusion of types and the kinds of mistakes."""
        if not self.count:
            return {}
        return {
            "confusion": (self._draw_confusion(), "Confusion of types"),
            "kinds": (self._draw_kinds(), "Mistakes by kind"),
        }

    def board(self) -> Board:
        """Returns the scores, F1 by type, confusion of types and worst mistakes."""
        scalars = {f"evaluation/{name}": value for name, value in self.metrics().items()}
        scalars |= {f"type_f1/{row.name}": row.f1 for row in self.types}
        images = {"confusion_of_types": self._draw_confusion(), "mistakes": self._draw_kinds()} if self.count else {}
        return Board(scalars, images, texts={"worst_mistakes": self._mistakes_table()})

    def _draw_confusion(self) -> Figure:
        return plots.draw_confusion((*self.labels, NO_SPAN), self.confusion)

    def _draw_kinds(self) -> Figure:
        return plots.draw_counts(MISTAKE_KINDS, self.mistake_counts, "kind of mistake", "spans")

    def _mistakes_table(self) -> str:
        rows = [
            (
                mistake.kind,
                mistake.context,
                f"{mistake.truth} {mistake.truth_type}",
                f"{mistake.predicted} {mistake.predicted_type}",
                f"{mistake.score:.3f}" if mistake.predicted else "",
                str(mistake.row),
            )
            for mistake in self.mistakes
        ]
        return markdown_table(("kind", "text", "truth", "predicted", "score", "row"), rows) if rows else "No mistakes."
