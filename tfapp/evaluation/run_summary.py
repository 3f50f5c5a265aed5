"""A summary of a run, for the report and the model card: its data, its training, and advice for the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfapp.evaluation import plots
from tfapp.evaluation.learning_curve import LearningCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["RunSummary", "TrainingCurves"]


@dataclass(frozen=True)
class TrainingCurves:
    """The curves of a training.

    Attributes:
        score_name: What the dev score is.
        losses: Steps and mean training losses, point by point.
        epochs: Of each epoch its last step, the loss and the score on dev, and whether it was the best so far.
    """

    score_name: str
    losses: Sequence[tuple[int, float]]
    epochs: Sequence[tuple[int, float, float, bool]]


@dataclass(frozen=True)
class RunSummary:
    """A summary of a run.

    Attributes:
        rows_read: Rows by file, before cleaning.
        rows: Rows by split.
        findings: What was found in the data, a sentence each, and what was done with the rows.
        curves: The curves of the training; None where there are none.
        learning_curve: Whether more labels pay; None where that was not measured.
        comparison: How the score compares with that of the run before, in a sentence; empty: there is none.
    """

    rows_read: Mapping[str, int]
    rows: Mapping[str, int]
    findings: Sequence[tuple[str, str]]
    curves: TrainingCurves | None = None
    learning_curve: LearningCurve | None = None
    comparison: str = ""

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the drawings of the page by name, each with its description."""
        figures = {}
        curves, labels = self.curves, self.learning_curve
        if curves:
            figure = plots.draw_training(curves.score_name, curves.losses, curves.epochs)
            figures["training"] = (figure, "Training loss, and loss and score on dev, by step")
        if labels:
            figures["labels"] = (
                plots.draw_points(labels.sizes, labels.scores, "labelled texts", "accuracy"),
                "Accuracy",
            )
        return figures
