"""Ranking of candidates for a query, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.ranking.data import GradeTarget
from tfapp.tasks.ranking.playground import RANKING_FORM
from tfapp.tasks.ranking.settings import SETTINGS
from tfapp.tasks.spec import CardWords, Evaluator, TaskSpec

if TYPE_CHECKING:
    from tfapp.evaluation import Evaluation

__all__ = ["RANKING"]


def _models() -> Mapping[str, type[Any]]:
    from tfapp.tasks.ranking.model import PairRanker

    return {"bert": PairRanker}


def _evaluator() -> Evaluator:
    from tfapp.tasks.ranking.evaluator import RankingEvaluator

    return RankingEvaluator()


def _evaluations() -> tuple[type[Evaluation], ...]:
    from tfapp.evaluation import RankingEvaluation

    return (RankingEvaluation,)


RANKING: Final = TaskSpec(
    contract.RANKING,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, GradeTarget(), TABLES, group="query"),
    models=_models,
    evaluator=_evaluator,
    evaluations=_evaluations,
    card=CardWords(
        "pairs of raw texts, a query and a candidate,",
        'rank("{name}", "a query", ["a candidate", "another"])',
        answers="a score from 0 to 1; a higher score means a better fit",
        knows="It gives a score to any two texts, even if they have nothing to do with its training data.",
    ),
    playground=RANKING_FORM,
)
