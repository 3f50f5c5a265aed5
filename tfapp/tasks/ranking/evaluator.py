"""Evaluates a ranker, from its logits to its evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfapp.core.ndcg import ndcg
from tfapp.core.rows import row_line
from tfapp.data import normalize_text
from tfapp.evaluation import Evaluation
from tfapp.evaluation.metrics import Measure, binary_cross_entropy, check_finite
from tfapp.evaluation.query_evaluation import MissedQuery
from tfapp.evaluation.ranking_metrics import count_ranks, mean_measures, query_measures, relevant_ranks
from tfapp.evaluation.row_answers import AnsweredRow, RowAnswers
from tfapp.evaluation.tables import truncate_text
from tfapp.models import TaskModel
from tfapp.tasks.ranking.auc import auc, auc_interval, auc_shares, by_query
from tfapp.tasks.ranking.evaluation_result import RankingEvaluation
from tfapp.tasks.ranking.model import PairRanker
from tfapp.training import TokenizedSplit
from tfapp.training.evaluator import Evaluator

__all__ = ["RankingEvaluator", "evaluate_ranking"]

_CUT: Final = 10
_RECALLS: Final = (1, 5, 10)
_NAMES: Final = (f"nDCG@{_CUT}", "MRR", *(f"recall@{k}" for k in _RECALLS))
_MISSED: Final = 20


class RankingEvaluator(Evaluator):
    """Evaluates the order of each query's candidates."""

    def evaluate(self, model: TaskModel, logits: np.ndarray, split: TokenizedSplit) -> Evaluation:
        """Evaluates the logits; see `Evaluator.evaluate`."""
        assert isinstance(model, PairRanker)
        columns = split.columns
        return evaluate_ranking(
            split.targets,
            model.scores(tf.constant(logits)).numpy(),
            # As the split compares them.
            groups=[normalize_text(group) for group in columns["group"]],
            queries=columns["query"],
            candidates=columns["candidate"],
            rows=split.rows.tolist(),
        )


@dataclass(frozen=True)
class _Query:
    """A query with a relevant candidate.

    Attributes:
        pairs: Its pairs' numbers, highest score first.
        ranks: The ranks of the relevant ones, counted from 1.
        ndcg: Its nDCG.
    """

    pairs: NDArray[np.intp]
    ranks: NDArray[np.intp]
    ndcg: float

    def measures(self) -> tuple[float, ...]:
        recalls = (float(np.mean(self.ranks <= k)) for k in _RECALLS)
        return (self.ndcg, 1.0 / float(self.ranks[0]), *recalls)


def evaluate_ranking(
    grades: NDArray[Any],
    scores: NDArray[Any],
    *,
    groups: Sequence[str],
    queries: Sequence[str],
    candidates: Sequence[str],
    rows: Sequence[int],
) -> RankingEvaluation:
    """Scores a ranker's answers.

    Args:
        grades: float[N], shares of the top grade; 0: does not fit.
        scores: float[N], 0..1.
        groups: What tells the N pairs' queries apart.
        queries: The N queries.
        candidates: The N candidates.
        rows: The N row numbers of the pairs in their data.

    Returns:
        The evaluation.

    Raises:
        TrainingError: A score is not a number.
    """
    truth, predictions = np.asarray(grades, np.float64), np.asarray(scores, np.float64)
    check_finite(predictions, rows, "score")
    codes = np.unique(np.asarray(groups, object).astype(str), return_inverse=True)[1]
    results = [_query(pairs, truth, predictions) for pairs in by_query(codes) if (truth[pairs] > 0).any()]
    interval = auc_interval(truth > 0, predictions, codes)
    means = mean_measures(_NAMES, [query.measures() for query in results])
    measures = (*means, Measure("AUC", auc(truth > 0, predictions), interval))
    has_choices = any(len(query.pairs) > 1 for query in results)
    main = measures[0 if has_choices else -1]
    misses = sorted((query for query in results if query.ranks[0] > 1), key=lambda query: -query.ranks[0])
    texts = [queries, candidates]
    return RankingEvaluation(
        count=len(truth),
        loss=binary_cross_entropy(np.minimum(truth, 1.0), predictions),
        queries=len(np.unique(codes)),
        answerable=len(results),
        main=main.name,
        main_interval=main.interval,
        measures=measures,
        places=count_ranks((query.ranks for query in results), _CUT),
        missed_count=len(misses),
        missed=tuple(_missed_query(query, truth > 0, texts, rows) for query in misses[:_MISSED]),
        answers=_query_answers(results, truth, texts, rows)
        if has_choices
        else _pair_answers(truth, predictions, codes, texts, rows),
    )


def _query_answers(
    results: Sequence[_Query], truth: NDArray[np.float64], texts: Sequence[Sequence[str]], rows: Sequence[int]
) -> RowAnswers:
    """Returns the answer to each query: the candidate that came first, and its nDCG."""
    queries, candidates = texts
    relevant = [int(pairs[np.argmax(truth[pairs])]) for pairs in (np.sort(query.pairs) for query in results)]

    def describe(index: int) -> AnsweredRow:
        pairs = results[index].pairs
        first = pairs[0] if results[index].ranks[0] == 1 else pairs[truth[pairs] <= 0][0]
        return AnsweredRow(queries[relevant[index]], candidates[relevant[index]], candidates[first])

    terms = np.array([(query.ndcg, 1.0) for query in results], np.float64).reshape(-1, 2)
    numbers = np.array([rows[pair] for pair in relevant], np.int64)
    right = np.array([query.ranks[0] == 1 for query in results], bool)
    measures = query_measures(_NAMES, [query.measures() for query in results])
    return RowAnswers(terms, describe, numbers, right, measures=measures)


def _pair_answers(
    truth: NDArray[np.float64],
    scores: NDArray[np.float64],
    codes: NDArray[np.intp],
    texts: Sequence[Sequence[str]],
    rows: Sequence[int],
) -> RowAnswers:
    """Returns the score of each pair, and its share in the AUC; the pairs of a query count as not independent."""

    def describe(index: int) -> AnsweredRow:
        return AnsweredRow(row_line([part[index] for part in texts]), f"{truth[index]:.6g}", f"{scores[index]:.3f}")

    terms = np.stack([auc_shares(truth > 0, scores), np.ones(len(truth))], axis=1)
    return RowAnswers(terms, describe, np.asarray(rows), groups=codes)


def _query(pairs: NDArray[np.intp], truth: NDArray[np.float64], scores: NDArray[np.float64]) -> _Query:
    ranking = pairs[np.argsort(-scores[pairs], kind="stable")]
    return _Query(ranking, relevant_ranks(truth[pairs] > 0, scores[pairs]), ndcg(truth[pairs], scores[pairs], _CUT))


def _missed_query(
    query: _Query, relevant: NDArray[np.bool_], texts: Sequence[Sequence[str]], rows: Sequence[int]
) -> MissedQuery:
    is_relevant = relevant[query.pairs]
    right, first = query.pairs[is_relevant][0], query.pairs[~is_relevant][0]
    queries, candidates = texts
    return MissedQuery(
        query=truncate_text(queries[right]),
        wanted=truncate_text(candidates[right]),
        place=int(query.ranks[0]),
        candidates=len(query.pairs),
        first=truncate_text(candidates[first]),
        row=int(rows[right]),
    )
