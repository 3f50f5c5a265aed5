"""Answering of questions from contexts, as a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.core.spans import MarkedSpan, text_segments
from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.answering.answer_format import ExtractedAnswerFormat
from tfapp.tasks.answering.data import AnswerTarget
from tfapp.tasks.answering.evaluation_result import AnswerEvaluation
from tfapp.tasks.answering.propose import propose_answering
from tfapp.tasks.answering.settings import SETTINGS
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["ANSWERING"]


def _answer(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    question, context = form.required_text("question"), form.required_text("context")
    (answer,) = model.client.answer(model.name, [(question, context)], **model.routing)
    spans = [MarkedSpan(answer.start, answer.end, "answer", answer.score)] if answer.start >= 0 else []
    return {"answer": answer, "segments": text_segments(context, spans)}


_FORM: Final = PlaygroundForm(
    (FormField("question", "Question"), FormField("context", "Context", rows=8)),
    _answer,
    Path(__file__).parent / "templates" / "answering.playground.html.jinja",
)


def _classes() -> TaskClasses:
    from tfapp.tasks.answering.evaluator import AnswerEvaluator
    from tfapp.tasks.answering.model import Answerer

    return TaskClasses({"bert": Answerer}, AnswerEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.tasks.answering.hugging_face import stock_model

    return stock_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.answering.onnx_form import ONNX_FORM

    return ONNX_FORM


ANSWERING: Final = TaskSpec(
    contract.ANSWERING,
    settings=SETTINGS,
    schema=Schema(
        SETTINGS.name,
        SETTINGS.texts,
        AnswerTarget(),
        (*TABLES, "squad"),
        group="context",
        beside=("answer_start",),
        settings=SETTINGS.data,
    ),
    classes=_classes,
    evaluation=AnswerEvaluation,
    answer_format=ExtractedAnswerFormat(),
    card=CardWords(
        "raw texts, a question and a context,",
        'answer("{name}", [("a question", "a context")])',
        answers="the words of the context that answer the question, their position in Unicode code points, and a score",
        knows="It copies words of the context and does not reason. It says that a context has no answer (no words, "
        "position -1) only if it was trained on such questions.",
        reads="Contexts are read in windows of {max_length} tokens, each with the question. Of a very long context, it "
        "reads only model.max_windows windows.",
    ),
    propose=propose_answering,
    playground=_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
