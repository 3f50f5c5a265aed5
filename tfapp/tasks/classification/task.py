"""Classification of texts, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.schemas import TEXT_CLASSES
from tfapp.tasks.class_playground import TEXT_CLASSES_FORM
from tfapp.tasks.classification.settings import SETTINGS
from tfapp.tasks.spec import CardWords, Evaluator, TaskSpec

if TYPE_CHECKING:
    from tfapp.evaluation import Evaluation

__all__ = ["CLASSIFICATION"]


def _models() -> Mapping[str, type[Any]]:
    from tfapp.models import TextClassifier
    from tfapp.tasks.classification.lstm import LstmClassifier

    return {"bert": TextClassifier, "lstm": LstmClassifier}


def _evaluator() -> Evaluator:
    from tfapp.tasks.class_evaluator import ClassEvaluator

    return ClassEvaluator()


def _evaluations() -> tuple[type[Evaluation], ...]:
    from tfapp.evaluation import ClassEvaluation

    return (ClassEvaluation,)


CLASSIFICATION: Final = TaskSpec(
    contract.CLASSIFICATION,
    settings=SETTINGS,
    schema=TEXT_CLASSES,
    models=_models,
    evaluator=_evaluator,
    evaluations=_evaluations,
    card=CardWords("raw text", 'classify("{name}", ["a text"])'),
    playground=TEXT_CLASSES_FORM,
)
