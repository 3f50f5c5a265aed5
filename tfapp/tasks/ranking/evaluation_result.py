"""The evaluation of a ranker on held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass

from tfapp.evaluation import QueryEvaluation

__all__ = ["RankingEvaluation"]


@dataclass(frozen=True)
class RankingEvaluation(QueryEvaluation):
    """Scores of a ranker on one split.

    Attributes:
        count: Pairs evaluated.
        loss: Mean binary cross-entropy in nats, of a grade in between against a target in between.
        main: "nDCG@10", or "AUC" where no query has a choice.
    """

    kind = "ranking"
    unit = "pairs"

    @property
    def counts(self) -> tuple[str, ...]:
        """Returns the pairs, the queries, and how many of these have something else first."""
        pairs = f"{self.count:,} {'pair' if self.count == 1 else 'pairs'}"
        queries = f"{self.queries:,} {'query' if self.queries == 1 else 'queries'}"
        return pairs, queries, f"{self.missed_count:,} with another candidate first"

    def details(self) -> dict[str, str]:
        """Returns the number of queries with a relevant candidate, and the loss."""
        return {"Queries with a relevant candidate": f"{self.answerable:,}", "Loss": f"{self.loss:.4f}"}
