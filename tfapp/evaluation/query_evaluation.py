"""The evaluation of candidates that a model puts in order, query by query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tfapp.evaluation import plots
from tfapp.evaluation.base import Board, Evaluation
from tfapp.evaluation.metrics import Measure
from tfapp.evaluation.tables import markdown_table, measure_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["MissedQuery", "QueryEvaluation"]


@dataclass(frozen=True)
class MissedQuery:
    """A query whose best candidate did not come first; texts are cut to 300 characters.

    Attributes:
        query: The query.
        wanted: The relevant candidate that came highest.
        place: Its rank, counted from 1.
        candidates: How many candidates there were.
        first: The candidate that came first instead.
        row: The line of its file on which the wanted pair's row begins, or the number of the row.
    """

    query: str
    wanted: str
    place: int
    candidates: int
    first: str
    row: int


@dataclass(frozen=True)
class QueryEvaluation(Evaluation):
    """Scores of the order of queries' candidates on one split; a task has its own kind of it.

    Attributes:
        count: Rows evaluated.
        loss: The mean loss in nats.
        queries: Queries among them.
        answerable: Queries with a relevant candidate, over which MRR, nDCG and recall are means.
        main: The name of the measure that models are compared by.
        main_interval: Its interval.
        measures: All of them.
        places: How many answerable queries have their first relevant candidate at rank 1, 2, ... 10, and later.
        missed_count: Answerable queries whose first candidate is not relevant.
        missed: The twenty whose relevant candidate came lowest, lowest first.
    """

    count: int
    loss: float
    queries: int
    answerable: int
    main: str
    main_interval: tuple[float, float]
    measures: tuple[Measure, ...]
    places: tuple[int, ...]
    missed_count: int
    missed: tuple[MissedQuery, ...]

    @property
    def main_name(self) -> str:
        """Returns the name of the measure that models are compared by."""
        return self.main

    @property
    def main_score(self) -> float:
        """Returns the value of the main measure."""
        return next(measure.value for measure in self.measures if measure.name == self.main)

    def metrics(self) -> dict[str, float]:
        """Returns the main measure, the others, the loss."""
        measures = {measure.name: measure.value for measure in self.measures}
        return {self.main: self.main_score} | measures | {"loss": self.loss}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Returns the intervals of the measures, by their names."""
        return {measure.name: measure.interval for measure in self.measures}

    def table(self) -> Table:
        """Returns the measures with their intervals, for a terminal."""
        return measure_table(self.measures)

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the ranks of the first relevant candidates."""
        if not self.answerable:
            return {}
        names = [*map(str, range(1, len(self.places))), "later"]
        figure = plots.draw_counts(names, self.places, "rank of the first relevant candidate", "queries")
        return {"places": (figure, "Ranks of the first relevant candidates")}

    def board(self) -> Board:
        """Returns the measures, the ranks and the queries that were missed."""
        head = ("query", "wanted", "rank", "first", "row")
        rows = [
            (query.query, query.wanted, f"{query.place} of {query.candidates}", query.first, str(query.row))
            for query in self.missed
        ]
        text = markdown_table(head, rows) if rows else "No query was missed."
        return replace(super().board(), texts={"missed_queries": text})
