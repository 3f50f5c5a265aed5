"""Draws the trainings of several runs beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfapp.evaluation.plots import LINE_COLORS, add_axes, blank_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tfapp.evaluation.run_summary import TrainingCurves

__all__ = ["draw_run_curves"]


def draw_run_curves(runs: Mapping[str, TrainingCurves]) -> Figure:
    """Draws losses of runs above, their dev scores beneath, each run in its colour; the best epochs as points."""
    figure = blank_figure(440, 440)
    score_names = dict.fromkeys(curves.score_name for curves in runs.values())
    upper = add_axes(figure, (60, 56, 364, 150), "loss", 440)
    score_axes = add_axes(figure, (60, 246, 364, 140), ", ".join(score_names), 440)
    for number, (name, curves) in enumerate(runs.items()):
        color = LINE_COLORS[number % len(LINE_COLORS)]
        steps, scores = ([epoch[index] for epoch in curves.epochs] for index in (0, 2))
        # A search over fits of the head has no training loss by step.
        losses = curves.losses or [epoch[:2] for epoch in curves.epochs]
        upper.plot(*zip(*losses, strict=True), color=color, linewidth=1.2, label=name)
        score_axes.plot(steps, scores, color=color, linewidth=1.5)
        best = max((index for index, epoch in enumerate(curves.epochs) if epoch[3]), default=0)
        score_axes.plot(steps[best], scores[best], color=color, marker="o", markersize=7)
    figure.legend(loc="upper left", bbox_to_anchor=(0.12, 1.0), frameon=False, fontsize=9, ncols=1)
    upper.set_xticklabels([])
    score_axes.set_xlabel("step")
    score_axes.set_xlim(upper.get_xlim())
    return figure
