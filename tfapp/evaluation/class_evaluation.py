"""The evaluation of a classifier on held-out texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfapp.evaluation import plots
from tfapp.evaluation.base import Board, Evaluation
from tfapp.evaluation.calibration_report import CalibrationReport
from tfapp.evaluation.metrics import CalibrationCurve, Scores, macro_note
from tfapp.evaluation.precision_recall import PrecisionRecall
from tfapp.evaluation.tables import markdown_table, score_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["ClassEvaluation", "ConfusedPair", "Mistake"]


@dataclass(frozen=True)
class Mistake:
    """A text that the model was wrong about.

    Attributes:
        text: The text, white space folded, cut to 300 characters.
        truth: Its labels; one, or any number in multi-label data.
        predicted: The labels that the model gave it.
        label: The label it was most wrong about: the predicted one; in multi-label data perhaps one left out.
        probability: The model's for that label.
        row: The line of its file on which the text's row begins, or the number of the row; None: not known.
    """

    text: str
    truth: tuple[str, ...]
    predicted: tuple[str, ...]
    label: str
    probability: float
    row: int | None = None


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes that the model mixes up.

    Attributes:
        truth: The right class.
        predicted: The class that it predicted.
        count: How often.
        examples: Texts of these, white space folded, cut to 300 characters.
    """

    truth: str
    predicted: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClassEvaluation(Evaluation):
    """Scores of a classifier on one split.

    Attributes:
        labels: The classes, in the order of the probabilities' columns.
        multi_label: A text may have any number of labels.
        count: Texts evaluated. With none, every score is 0 and every interval (0, 1).
        loss: Mean cross-entropy in nats (multi-label: binary, over texts and labels).
        accuracy: Share of texts whose label (multi-label: whole set of labels) is right.
        accuracy_interval: 95 % bootstrap interval of the accuracy.
        main_interval: 95 % bootstrap interval of `main_score`.
        classes: Scores by class, in the order of `labels`.
        micro, macro, weighted: Means over decisions, over classes that have texts, and over classes by their support.
        calibration: Of the top probabilities (multi-label: of all probabilities).
        curves: A precision-recall curve a class, in the order of `labels`.
        confusion: Counts, row the truth, column the prediction; None in multi-label data.
        thresholds: Where each label begins to be given; None in single-label data.
        mistake_count: Texts with a mistake.
        mistakes: The twenty that the model was most sure of, worst first.
        confused: The most frequent confusions with texts; none in multi-label data and in evaluations of before.
        unknown: The last class, if it is the answer that none of the others fits.
        unknown_method: How that is decided, and why so; empty in evaluations of before.
    """

    kind = "classes"

    labels: tuple[str, ...]
    multi_label: bool
    count: int
    loss: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    main_interval: tuple[float, float]
    classes: tuple[Scores, ...]
    micro: Scores
    macro: Scores
    weighted: Scores
    calibration: CalibrationCurve
    curves: tuple[PrecisionRecall, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    thresholds: tuple[float, ...] | None
    mistake_count: int
    mistakes: tuple[Mistake, ...]
    unknown: str | None = None
    calibration_report: CalibrationReport | None = None
    confused: tuple[ConfusedPair, ...] = ()
    unknown_method: str = ""

    @property
    def main_name(self) -> str:
        """Returns the name of the main score: "accuracy", or "micro F1" of multi-label data."""
        return "micro F1" if self.multi_label else "accuracy"

    @property
    def main_score(self) -> float:
        """Returns the number that models are compared by, 0..1, higher is better."""
        return self.micro.f1 if self.multi_label else self.accuracy

    @property
    def means(self) -> tuple[Scores, Scores, Scores]:
        """Returns the micro, macro and weighted means."""
        return self.micro, self.macro, self.weighted

    def confusions(self, limit: int = 10) -> list[ConfusedPair]:
        """Returns the most frequent pairs of a truth and a wrong prediction; none in multi-label data."""
        if self.confused:
            return list(self.confused[:limit])
        counts = np.array(self.confusion or [[0]])
        np.fill_diagonal(counts, 0)
        cells = np.argsort(-counts, axis=None, kind="stable")[:limit].tolist()
        pairs = [divmod(cell, len(counts)) for cell in cells if counts.flat[cell]]
        return [ConfusedPair(self.labels[row], self.labels[column], int(counts[row, column])) for row, column in pairs]

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the texts, and how many of them the model was wrong about."""
        return f"{self.count:,} {'text' if self.count == 1 else 'texts'}", f"{self.mistake_count:,} wrong"

    def metrics(self) -> dict[str, float]:
        """Returns the main score, macro F1 and the loss; of a model that may answer "unknown", how well it does."""
        return {
            self.main_name.replace(" ", "_"): self.main_score,
            "macro_f1": self.macro.f1,
            "loss": self.loss,
        } | self.scope()

    def scope(self) -> dict[str, float]:
        """Returns how well a model that may answer "unknown" does.

        Returns:
            The shares of texts of known labels answered right, and answered "unknown"; and of the others found, if
            there are such. Nothing of other models.
        """
        if self.unknown is None or not self.count:
            return {}
        counts = np.array(self.confusion)
        inside = max(int(counts[:-1].sum()), 1)
        shares = {
            "in_scope_accuracy": float(np.trace(counts[:-1]) / inside),
            "in_scope_unknown": float(counts[:-1, -1].sum() / inside),
        }
        return shares | ({"out_of_scope_recall": self.classes[-1].recall} if self.classes[-1].support else {})

    def details(self) -> dict[str, str]:
        """Returns macro F1 and the loss; in multi-label data also the share of texts with all labels right."""
        low, high = (f"{100 * end:.1f}\u202f%" for end in self.accuracy_interval)
        accuracy_row = {
            "All labels right": f"{100 * self.accuracy:.1f}\u202f% of texts (95\u202f% interval {low} to {high})"
        }
        label_rows = {
            "Macro F1": f"{self.macro.f1:.3f}{macro_note(self.macro, self.classes, 'classes')}",
            "Loss": f"{self.loss:.4f}",
        }
        scope = {name.replace("_", " ").capitalize(): f"{value:.3f}" for name, value in self.scope().items()}
        if self.unknown_method:
            scope["None of these"] = self.unknown_method
        return accuracy_row | label_rows if self.multi_label else label_rows | scope

    def table(self) -> Table:
        """Returns the scores by class and their means, for a terminal."""
        return score_table("label", "texts", self.classes, self.means)

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns calibration, precision-recall curves and, but for multi-label data, the confusion matrix."""
        if not self.count:
            return {}
        figures = {
            "calibration": (plots.draw_calibration(self.calibration), "Calibration curve"),
            "curves": (plots.draw_curves(self.curves), "Precision-recall curves"),
        }
        if self.confusion is not None:
            figures["confusion"] = (plots.draw_confusion(self.labels, self.confusion), "Confusion matrix")
        return figures

    def board(self) -> Board:
        """Returns the scores, F1 by class, confusion matrix, curves and worst mistakes."""
        scalars = {
            "evaluation/accuracy": self.accuracy,
            "evaluation/loss": self.loss,
            "evaluation/micro_f1": self.micro.f1,
            "evaluation/macro_f1": self.macro.f1,
            "evaluation/calibration_error": self.calibration.error,
        }
        scalars |= {f"evaluation/{name}": value for name, value in self.scope().items()}
        scalars |= {f"class_f1/{row.name}": row.f1 for row in self.classes}
        matrix = self.confusion if self.count else None
        images = {} if matrix is None else {"confusion_matrix": plots.draw_confusion(self.labels, matrix)}
        return Board(scalars, images, self.curves, {"worst_mistakes": _mistakes_table(self.mistakes)})


def _mistakes_table(mistakes: Sequence[Mistake]) -> str:
    rows = [
        (
            mistake.text,
            ", ".join(mistake.truth) or "(none)",
            ", ".join(mistake.predicted) or "(none)",
            f"{mistake.probability:.3f} {mistake.label}",
            "" if mistake.row is None else str(mistake.row),
        )
        for mistake in mistakes
    ]
    return markdown_table(("text", "truth", "predicted", "probability", "row"), rows) if rows else "No mistakes."
