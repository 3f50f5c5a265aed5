"""Classification of pairs of texts, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.classes import ClassTarget
from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.class_playground import PAIR_CLASSES_FORM
from tfapp.tasks.pair_classification.settings import SETTINGS
from tfapp.tasks.spec import CardWords, Evaluator, TaskSpec

if TYPE_CHECKING:
    from tfapp.evaluation import Evaluation

__all__ = ["PAIR_CLASSIFICATION"]


def _models() -> Mapping[str, type[Any]]:
    from tfapp.tasks.pair_classification.model import PairClassifier

    return {"bert": PairClassifier}


def _evaluator() -> Evaluator:
    from tfapp.tasks.class_evaluator import ClassEvaluator

    return ClassEvaluator()


def _evaluations() -> tuple[type[Evaluation], ...]:
    from tfapp.evaluation import ClassEvaluation

    return (ClassEvaluation,)


PAIR_CLASSIFICATION: Final = TaskSpec(
    contract.PAIR_CLASSIFICATION,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, ClassTarget(), TABLES, group="query"),
    models=_models,
    evaluator=_evaluator,
    evaluations=_evaluations,
    card=CardWords(
        "pairs of raw texts, a query and a candidate,", 'classify_pairs("{name}", [("a query", "a candidate")])'
    ),
    playground=PAIR_CLASSES_FORM,
)
