"""The drawings of a search."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from tfapp.evaluation.plots import to_rgb, to_svg
from tfapp.evaluation.search_plots import SearchPoint, draw_history, draw_importances, draw_slice


def points(values: list[Any]) -> list[SearchPoint]:
    return [
        SearchPoint(number, 0.8 + number / 100, number != 1, best=number == len(values) - 1, value=value)
        for number, value in enumerate(values)
    ]


def shown_ticks(figure: Figure) -> list[str]:
    to_rgb(figure)
    axes = figure.axes[0]
    low, high = axes.get_xlim()
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return [label.get_text() for place, label in ticks if low <= place <= high]


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ([2e-5, 4e-4, 1e-4], True, ["2e-05", "5e-05", "0.0001", "0.0002"]),
        ([1e-6, 1e-2, 1e-3], True, ["1e-06", "1e-05", "0.0001", "0.001", "0.01"]),
        ([3, 6, 4], False, ["3", "4", "5", "6"]),
        (["mean", "cls", "mean"], False, ["cls", "mean"]),
        ([True, False, True], False, ["False", "True"]),
    ],
)
def test_a_slice_has_ticks_that_can_be_read(values: list[Any], log: bool, ticks: list[str]) -> None:
    assert shown_ticks(draw_slice("a.setting", points(values), "accuracy", log=log)) == ticks


@pytest.mark.parametrize(("lower", "line"), [(False, [0.8, 0.82, 0.83, 0.83]), (True, [0.8, 0.8, 0.8, 0.8])])
def test_the_line_of_the_history_is_the_best_complete_trial_by_then(lower: bool, line: list[float]) -> None:
    figure = draw_history(points([1, 2, 3, 4]), "error", lower_is_better=lower)
    (plot_line,) = figure.axes[0].lines
    assert list(plot_line.get_ydata()) == pytest.approx(line)


def test_names_and_shares_of_importances_are_in_the_drawing() -> None:
    svg = to_svg(draw_importances(["training.learning_rate", "<b>"], [0.75, 0.25]), "shares")
    assert "training.learning_rate" in svg
    assert "0.75" in svg
    assert "<b>" not in svg
