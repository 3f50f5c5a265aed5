"""The evaluation of a regression's numbers on held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from tfapp.evaluation.base import Board, Evaluation
from tfapp.evaluation.metrics import Measure
from tfapp.evaluation.plots import LINE_COLORS, add_axes, blank_figure
from tfapp.evaluation.tables import markdown_table, measure_table
from tfapp.tasks.regression.metrics import NAMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["RegressionEvaluation", "ResidualRange", "WorstRow"]

_MARGIN: Final = 0.04


@dataclass(frozen=True)
class ResidualRange:
    """The residuals (predicted minus true) of the rows whose true number lies in a range, its ends included.

    Attributes:
        low: The lowest true number.
        high: The highest one.
        count: Rows.
        bias: The mean residual: over 0 where the predictions are too high.
        mae: The mean absolute residual.
    """

    low: float
    high: float
    count: int
    bias: float
    mae: float


@dataclass(frozen=True)
class WorstRow:
    """A row whose prediction is far from the truth; its texts are cut to 300 characters.

    Attributes:
        text: Its texts, as one.
        truth: The true number.
        predicted: The model's.
        row: The line of its file on which it begins, or the number of its row.
    """

    text: str
    truth: float
    predicted: float
    row: int


@dataclass(frozen=True)
class RegressionEvaluation(Evaluation):
    """Predicted numbers against the true ones of one split, in the unit of the data.

    Attributes:
        count: Rows evaluated.
        loss: Mean squared error in units of the variance of train, as in training.
        deviation: Standard deviation of train's numbers.
        main_interval: The interval of the RMSE, by which models are compared.
        measures: RMSE, MAE, R², Pearson's and Spearman's correlation; none where no rows were evaluated.
        ranges: Residuals by range of the true number, lowest first.
        points: True and predicted numbers of some rows, for the drawing.
        worst: The twenty rows with the largest residuals, largest first.
    """

    kind = "regression"
    unit = "rows"
    lower_is_better = True

    count: int
    loss: float
    deviation: float
    main_interval: tuple[float, float]
    measures: tuple[Measure, ...]
    ranges: tuple[ResidualRange, ...]
    points: tuple[tuple[float, float], ...]
    worst: tuple[WorstRow, ...]

    @property
    def main_name(self) -> str:
        """Returns "RMSE"; the best epoch is that of the lowest one, which is that of the lowest loss."""
        return NAMES[0]

    @property
    def main_score(self) -> float:
        """Returns the root mean squared error; 0 where no rows were evaluated."""
        return self.measures[0].value if self.measures else 0.0

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the number of rows."""
        return (f"{self.count:,} {'row' if self.count == 1 else 'rows'}",)

    def metrics(self) -> dict[str, float]:
        """Returns the measures and the loss."""
        return {measure.name: measure.value for measure in self.measures} | {"loss": self.loss}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Returns the intervals of the measures, by their names."""
        return {measure.name: measure.interval for measure in self.measures}

    def details(self) -> dict[str, str]:
        """Returns R² and the loss."""
        values = {measure.name: measure.value for measure in self.measures}
        return {"R²": f"{values['R²']:.3f}", "Loss": f"{self.loss:.4f}"} if values else {}

    def table(self) -> Table:
        """Returns the measures with their intervals, for a terminal."""
        return measure_table(self.measures, digits="#.4g")

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the predicted numbers against the true ones."""
        if not self.points:
            return {}
        return {"scatter": (_draw_scatter(self.points, self.count), "Predicted numbers against the true ones")}

    def board(self) -> Board:
        """Returns the measures, the scatter plot and the worst rows."""
        rows = [(row.text, f"{row.truth:.6g}", f"{row.predicted:.6g}", str(row.row)) for row in self.worst]
        text = markdown_table(("text", "true", "predicted", "row"), rows) if rows else "No rows were evaluated."
        return replace(super().board(), texts={"worst_rows": text})

    def headline(self) -> str:
        """Returns the RMSE with its interval, and R², in one line."""
        low, high = map(self.display, self.main_interval)
        r2 = next((measure.value for measure in self.measures if measure.name == "R²"), 0.0)
        score = f"{self.main_name} {self.display(self.main_score)} (95 % interval {low} to {high})"
        return f"{score}, R² {r2:.3f}, {self.count} {self.unit}"

    def display(self, score: float) -> str:
        """Returns an RMSE with four significant digits; it has the unit of the data."""
        return f"{score:#.4g}"

    def gain_over(self, other: Evaluation) -> float:
        """Returns by how many standard deviations the RMSE is lower than another's."""
        return (other.main_score - self.main_score) / self.deviation


def _draw_scatter(points: Sequence[tuple[float, float]], count: int) -> Figure:
    """Draws a point a row on axes of the same scale; on the dashed line predictions are right.

    Args:
        points: True and predicted number of each drawn row, at least one.
        count: All rows, of which these are some.
    """
    truth, predictions = np.array(points).T
    low, high = float(min(truth.min(), predictions.min())), float(max(truth.max(), predictions.max()))
    pad = _MARGIN * (high - low) or 1.0
    ends = (low - pad, high + pad)
    figure = blank_figure(440, 440)
    axes = add_axes(figure, (64, 12, 364, 364), "predicted", 440)
    axes.plot(ends, ends, color="gray", linewidth=1, linestyle=(0, (4, 4)))
    axes.scatter(truth, predictions, s=14, color=LINE_COLORS[0], alpha=0.6 if len(points) < 300 else 0.25, linewidth=0)
    axes.set(xlim=ends, ylim=ends)
    axes.set_yticks([tick for tick in axes.get_xticks() if ends[0] <= tick <= ends[1]])
    axes.set_xticks(axes.get_yticks())
    some = f", {len(points):,} of {count:,} rows" if len(points) < count else ""
    axes.set_xlabel(f"true{some}")
    return figure
