"""Classification of pairs of texts, as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.answer_format import ClassAnswerFormat
from tfapp.data.classes import ClassTarget
from tfapp.data.proposals.pair_candidates import choose_pair_candidates
from tfapp.data.schemas import TABLES, Schema
from tfapp.evaluation import ClassEvaluation
from tfapp.tasks.class_playground import PAIR_CLASSES_FORM
from tfapp.tasks.pair_classification.propose import propose_pair_classification
from tfapp.tasks.pair_classification.settings import SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["PAIR_CLASSIFICATION"]


def _classes() -> TaskClasses:
    from tfapp.tasks.pair_classification.model import PairClassifier
    from tfapp.training.class_evaluator import ClassEvaluator

    return TaskClasses({"bert": PairClassifier}, ClassEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.exports.huggingface.classes import class_model

    return class_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.pair_classification.onnx_form import ONNX_FORM

    return ONNX_FORM


PAIR_CLASSIFICATION: Final = TaskSpec(
    contract.PAIR_CLASSIFICATION,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, ClassTarget(), TABLES, group="query"),
    classes=_classes,
    evaluation=ClassEvaluation,
    answer_format=ClassAnswerFormat(),
    card=CardWords(
        "pairs of raw texts, a query and a candidate,", 'classify_pairs("{name}", [("a query", "a candidate")])'
    ),
    propose=propose_pair_classification,
    choose=choose_pair_candidates,
    playground=PAIR_CLASSES_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
