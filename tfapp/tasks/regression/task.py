"""Regression of texts and of pairs of texts, as tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.answer_format import ScoreAnswerFormat
from tfapp.data.proposals.pair_candidates import choose_pair_candidates
from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.regression.data import NumberTarget
from tfapp.tasks.regression.default_hyperparameters import choose_regression
from tfapp.tasks.regression.evaluation_result import RegressionEvaluation
from tfapp.tasks.regression.propose import propose_pair_regression, propose_regression, suggest_regression
from tfapp.tasks.regression.settings import PAIR_SETTINGS, SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["PAIR_REGRESSION", "REGRESSION"]

_TEMPLATE: Final = Path(__file__).parent / "templates" / "regression.playground.html.jinja"
_ANSWERS: Final = "a number, `score`, in the unit of the labels that it was trained on"
_KNOWS: Final = (
    "It gives a number for any text, also for one that has nothing to do with its data, and numbers beyond those of "
    "its data are rarely right."
)


def _regress(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    texts = form.lines("texts")
    scores = model.client.regress(model.name, texts, **model.routing)
    return {"scores": list(zip(texts, scores, strict=True))}


def _regress_pairs(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    query, candidates = form.required_text("query"), form.lines("candidates")
    pairs = [(query, candidate) for candidate in candidates]
    scores = model.client.regress_pairs(model.name, pairs, **model.routing)
    return {"scores": list(zip(candidates, scores, strict=True))}


_FORM: Final = PlaygroundForm((FormField("texts", "Texts", rows=7, hint="One per line"),), _regress, _TEMPLATE)
_PAIR_FORM: Final = PlaygroundForm(
    (FormField("query", "First text"), FormField("candidates", "Second texts", rows=7, hint="One per line")),
    _regress_pairs,
    _TEMPLATE,
)


def _classes() -> TaskClasses:
    from tfapp.tasks.regression.evaluator import RegressionEvaluator
    from tfapp.tasks.regression.model import TextRegressor

    return TaskClasses({"bert": TextRegressor}, RegressionEvaluator)


def _pair_classes() -> TaskClasses:
    from tfapp.tasks.regression.evaluator import RegressionEvaluator
    from tfapp.tasks.regression.model import PairRegressor

    return TaskClasses({"bert": PairRegressor}, RegressionEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.tasks.regression.hugging_face import stock_model

    return stock_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.regression.onnx_form import ONNX_FORM

    return ONNX_FORM


REGRESSION: Final = TaskSpec(
    contract.REGRESSION,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, NumberTarget(), TABLES),
    classes=_classes,
    evaluation=RegressionEvaluation,
    answer_format=ScoreAnswerFormat(),
    card=CardWords("raw text", 'regress("{name}", ["a text"])', answers=_ANSWERS, knows=_KNOWS),
    propose=propose_regression,
    suggest=suggest_regression,
    choose=choose_regression,
    playground=_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)

PAIR_REGRESSION: Final = TaskSpec(
    contract.PAIR_REGRESSION,
    settings=PAIR_SETTINGS,
    schema=Schema(PAIR_SETTINGS.name, PAIR_SETTINGS.texts, NumberTarget(), TABLES, group="query"),
    classes=_pair_classes,
    evaluation=RegressionEvaluation,
    answer_format=ScoreAnswerFormat(),
    card=CardWords(
        "pairs of raw texts, a query and a candidate,",
        'regress_pairs("{name}", [("a query", "a candidate")])',
        answers=_ANSWERS,
        knows=_KNOWS,
    ),
    propose=propose_pair_regression,
    choose=choose_pair_candidates,
    playground=_PAIR_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
