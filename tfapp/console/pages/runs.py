"""The pages of runs: their scores, and two of them beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tfapp.console.console_state import ConsoleState
from tfapp.core.wording import format_duration
from tfapp.errors import TrainingError
from tfapp.evaluation.run_summary import TrainingCurves
from tfapp.web.app_state import StatePages
from tfapp.web.charts import Chart, curve_chart
from tfapp.workflows.run_choice import choose_best
from tfapp.workflows.run_comparison import RunComparison, compare_runs
from tfapp.workflows.run_records import RunRecord, list_runs

__all__ = ["RunPages"]

# A page of more texts takes long to read, and to load.
_MOST_ROWS: Final = 200


class RunPages(StatePages[ConsoleState]):
    """The pages of runs."""

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of the pages."""
        return [Route("/runs", self._list), Route("/runs/compare", self._compare)]

    def _list(self, request: Request) -> Response:
        records = self._records()
        # In the order of their times, the newest first.
        records.sort(key=lambda record: record.path.name, reverse=True)
        folder = self._state.home / "runs"
        return self._views.page(
            request, "runs.html", runs=records, best=_best(records), folder=folder, duration=format_duration
        )

    def _compare(self, request: Request) -> Response:
        first, second = (self._record(request.query_params.get(name, "")) for name in ("first", "second"))
        comparison = compare_runs(first.path, second.path)
        return self._views.page(
            request,
            "run_comparison.html",
            comparison=comparison,
            names=comparison.labels,
            rows=comparison.rows[:_MOST_ROWS],
            charts_of=_charts(comparison),
            duration=format_duration,
        )

    def _records(self) -> list[RunRecord]:
        folder = self._state.home / "runs"
        return list_runs(folder) if folder.is_dir() else []

    def _record(self, name: str) -> RunRecord:
        for record in self._records():
            if record.name == name:
                return record
        raise TrainingError(f"no run {name[:100]!r}; choose two of the page Runs")


def _best(records: Sequence[RunRecord]) -> set[str]:
    """Returns the names of the runs that are the best on dev, of several on the same data."""
    counts = Counter(record.data for record in records if record.dev)
    return {record.name for record in choose_best(records) if record.dev and counts[record.data] > 1}


def _charts(comparison: RunComparison) -> list[tuple[str, Chart]]:
    """Returns the charts of both trainings: the loss, and the score on dev."""
    pairs = zip(comparison.labels, comparison.curves, strict=True)
    curves: Mapping[str, TrainingCurves] = {label: curve for label, curve in pairs if curve}
    losses = {name: curve.losses for name, curve in curves.items() if curve.losses}
    scores = {name: [(step, score) for step, _, score, _ in curve.epochs] for name, curve in curves.items()}
    names = ", ".join(dict.fromkeys(curve.score_name for curve in curves.values()))
    charts = []
    if losses:
        charts.append(("Loss in training", curve_chart("Training loss by step", losses)))
    if scores:
        charts.append((f"{names[:1].upper()}{names[1:]} on dev", curve_chart(f"{names} on dev by step", scores)))
    return charts
