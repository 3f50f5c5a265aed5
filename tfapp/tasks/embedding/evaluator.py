"""Evaluates an embedding model, from its vectors to its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from tfapp.data import normalize_text
from tfapp.evaluation import Evaluation
from tfapp.evaluation.metrics import check_finite
from tfapp.evaluation.query_evaluation import MissedQuery
from tfapp.evaluation.ranking_metrics import count_ranks, mean_measures, query_measures, relevant_ranks
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text
from tfapp.models import Embedder, TaskModel
from tfapp.tasks.embedding.evaluation_result import RetrievalEvaluation
from tfapp.tasks.embedding.model import TEXT_COLUMNS
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator

__all__ = ["PairTexts", "RetrievalEvaluator", "evaluate_retrieval"]

_CUT: Final = 10
_RECALLS: Final = (5, 10, 100)
_MAIN: Final = f"nDCG@{_CUT}"
_NAMES: Final = (_MAIN, f"MRR@{_CUT}", "accuracy@1", *(f"recall@{k}" for k in _RECALLS))
_MISSED: Final = 20


class RetrievalEvaluator(Evaluator):
    """Evaluates vectors by retrieval."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, Embedder)
        # As the cleaning compares them.
        texts = {name: [normalize_text(text) for text in split.columns.get(name, ())] for name in TEXT_COLUMNS}
        return evaluate_retrieval(
            logits, PairTexts(*texts.values()), temperature=model.temperature, rows=split.rows.tolist()
        )


@dataclass(frozen=True)
class PairTexts:
    """The texts of N rows, in the form in which they are compared.

    Attributes:
        queries: N texts.
        candidates: N texts that belong to them.
        negatives: N texts that do not, empty ones are none; or none at all.
    """

    queries: Sequence[str]
    candidates: Sequence[str]
    negatives: Sequence[str] = ()


@dataclass(frozen=True)
class _QueryResult:
    """The ranks that the search gives the candidates of a query.

    Attributes:
        query: Its number.
        ranks: Those of its candidates, counted from 1, best first.
        best: Which of its candidates came highest.
        first: The highest of the others; -1: there is none.
        loss: In nats.
    """

    query: int
    ranks: NDArray[np.intp]
    best: int
    first: int
    loss: float

    def measures(self) -> tuple[float, ...]:
        rank = int(self.ranks[0])
        recalls = (float(np.mean(self.ranks <= k)) for k in _RECALLS)
        return (_ndcg(self.ranks), 1.0 / rank if rank <= _CUT else 0.0, float(rank == 1), *recalls)


def evaluate_retrieval(
    vectors: NDArray[Any],
    texts: PairTexts,
    *,
    temperature: float,
    rows: Sequence[int],
    block: int = 1 << 24,
) -> RetrievalEvaluation:
    """Lets each query look for its candidates among all different ones, the negatives included.

    Of candidates with the same score those that do not fit stand first. The scores are computed in blocks.

    Args:
        vectors: float32[N, P, H], of length 1: of each row the query, the candidate and, if there are such, a negative.
        texts: What tells queries, and candidates, apart.
        temperature: Divides the cosines in the loss.
        rows: The N row numbers in their data.
        block: Scores that are held at a time.

    Raises:
        TrainingError: A vector is not a number.
    """
    check_finite(vectors, rows, "vector")
    pool = _Pool(vectors, texts)
    results = [_look(query, scores / temperature, pool) for query, scores in pool.scores(block)]
    measures = mean_measures(_NAMES, [result.measures() for result in results])
    misses = sorted((result for result in results if result.ranks[0] > 1), key=lambda result: -result.ranks[0])
    return RetrievalEvaluation(
        count=len(results),
        loss=float(np.mean([result.loss for result in results])) if results else 0.0,
        queries=len(results),
        answerable=len(results),
        main=_MAIN,
        main_interval=measures[0].interval,
        measures=measures,
        places=count_ranks((result.ranks for result in results), _CUT),
        missed_count=len(misses),
        missed=tuple(pool.missed_query(miss, rows) for miss in misses[:_MISSED]),
        candidates=len(pool.texts),
        answers=pool.answers(results, rows),
    )


class _Pool:
    """The different queries and candidates, and which belong together.

    Attributes:
        texts: The M candidates.
        relevant: By the query's number those of its candidates.
    """

    def __init__(self, vectors: NDArray[Any], texts: PairTexts) -> None:
        count = len(texts.queries)
        hard_negatives = [(row, text) for row, text in enumerate(texts.negatives) if text]
        self._texts, self._query_rows, queries = _distinct(texts.queries)
        self.texts, numbers, candidates = _distinct([*texts.candidates, *(text for _, text in hard_negatives)])
        self._queries = vectors[self._query_rows, 0]
        owners = np.array([*range(count), *(row for row, _ in hard_negatives)], int)
        self._candidates = vectors[owners[numbers], np.where(numbers < count, 1, 2)]
        self.relevant: list[dict[int, int]] = [{} for _ in self._texts]
        for row, (query, candidate) in enumerate(zip(queries, candidates, strict=False)):
            self.relevant[query].setdefault(candidate, row)

    def scores(self, block: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yields each query's number and its cosines, float32[M]."""
        size = max(block // max(len(self.texts), 1), 1)
        for start in range(0, len(self._texts), size):
            yield from enumerate(self._queries[start : start + size] @ self._candidates.T, start=start)

    def answers(self, results: Sequence[_QueryResult], rows: Sequence[int]) -> RowAnswers:
        """Returns the answer to each query: the candidate that came first, and its nDCG."""

        def describe(index: int) -> AnsweredRow:
            result = results[index]
            first = result.best if result.ranks[0] == 1 else result.first
            relevant = next(iter(self.relevant[result.query]))
            return AnsweredRow(self._texts[result.query], self.texts[relevant], self.texts[first])

        numbers = np.array([rows[next(iter(self.relevant[result.query].values()))] for result in results], np.int64)
        terms = np.array([(_ndcg(result.ranks), 1.0) for result in results], np.float64).reshape(-1, 2)
        right = np.array([result.ranks[0] == 1 for result in results], bool)
        measures = query_measures(_NAMES, [result.measures() for result in results])
        return RowAnswers(terms, describe, numbers, right, measures=measures)

    def missed_query(self, result: _QueryResult, rows: Sequence[int]) -> MissedQuery:
        return MissedQuery(
            query=truncate_text(self._texts[result.query]),
            wanted=truncate_text(self.texts[result.best]),
            place=int(result.ranks[0]),
            candidates=len(self.texts),
            first=truncate_text(self.texts[result.first]),
            row=int(rows[self.relevant[result.query][result.best]]),
        )


def _distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp], list[int]]:
    """Returns the different texts as they first occur, the rows where they do, and each text's number among them."""
    numbers: dict[str, int] = {}
    codes = [numbers.setdefault(text, len(numbers)) for text in texts]
    return list(numbers), np.unique(np.array(codes, int), return_index=True)[1], codes


def _look(query: int, scores: NDArray[np.float32], pool: _Pool) -> _QueryResult:
    is_relevant = np.zeros(len(scores), bool)
    candidates = np.fromiter(pool.relevant[query], int)
    is_relevant[candidates] = True
    negative_scores = np.where(is_relevant, -np.inf, scores)
    log_sum = logsumexp(negative_scores) if len(candidates) < len(scores) else -np.inf
    return _QueryResult(
        query=query,
        ranks=relevant_ranks(is_relevant, scores.astype(np.float64)),
        best=int(candidates[np.argmax(scores[candidates])]),
        first=int(np.argmax(negative_scores)) if len(candidates) < len(scores) else -1,
        loss=float(np.mean(np.logaddexp(scores[candidates], log_sum) - scores[candidates])),
    )


def _ndcg(ranks: NDArray[np.intp]) -> float:
    """Returns the nDCG of candidates that all fit alike (Järvelin and Kekäläinen 2002)."""
    ideal = np.arange(1, min(len(ranks), _CUT) + 1)
    return float((1 / np.log2(1 + ranks[ranks <= _CUT])).sum() / (1 / np.log2(1 + ideal)).sum())
