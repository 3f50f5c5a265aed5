"""The evaluation of an embedding model by retrieval on held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass

from tfapp.evaluation import QueryEvaluation

__all__ = ["RetrievalEvaluation"]


@dataclass(frozen=True)
class RetrievalEvaluation(QueryEvaluation):
    """Scores of an embedding model on one split: each query looks for its candidates among those of the whole split.

    Attributes:
        count: Queries evaluated; all are answerable.
        loss: The mean of what it costs in nats to tell a query's candidate from all that do not fit.
        candidates: Different candidates that each query looks through.
    """

    kind = "retrieval"
    unit = "queries"

    candidates: int

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the queries, the candidates, and how many queries have something else first."""
        queries = f"{self.count:,} {'query' if self.count == 1 else 'queries'}"
        candidates = f"{self.candidates:,} {'candidate' if self.candidates == 1 else 'candidates'}"
        return queries, candidates, f"{self.missed_count:,} with another candidate first"

    def details(self) -> dict[str, str]:
        """Returns the candidates, and the loss."""
        return {"Candidates that each query looks through": f"{self.candidates:,}", "Loss": f"{self.loss:.4f}"}
