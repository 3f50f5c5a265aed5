"""Classification of texts, as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.answer_format import ClassAnswerFormat
from tfapp.data.classes import ClassTarget
from tfapp.data.schemas import TABLES, Schema
from tfapp.evaluation import ClassEvaluation
from tfapp.tasks.class_playground import TEXT_CLASSES_FORM
from tfapp.tasks.classification.propose import propose_classification
from tfapp.tasks.classification.settings import SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["CLASSIFICATION"]


def _classes() -> TaskClasses:
    from tfapp.tasks.classification.few_shot import find_method
    from tfapp.tasks.classification.lstm import LstmClassifier
    from tfapp.tasks.classification.model import WindowClassifier
    from tfapp.training.class_evaluator import ClassEvaluator

    models = {"bert": WindowClassifier, "lstm": LstmClassifier}
    return TaskClasses(models, ClassEvaluator, find_method)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.exports.huggingface.classes import class_model

    return class_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.classification.onnx_form import ONNX_FORM

    return ONNX_FORM


CLASSIFICATION: Final = TaskSpec(
    contract.CLASSIFICATION,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, ClassTarget(), (*TABLES, "folder")),
    classes=_classes,
    evaluation=ClassEvaluation,
    answer_format=ClassAnswerFormat(),
    card=CardWords("raw text", 'classify("{name}", ["a text"])'),
    propose_named=propose_classification,
    playground=TEXT_CLASSES_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
