"""Tagging of spans in texts, as a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.core.spans import MarkedSpan, text_segments
from tfapp.data.schemas import Schema
from tfapp.tasks.playground import FormField, FormValues, PlaygroundForm, PlaygroundModel
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec
from tfapp.tasks.tagging.answer_format import SpanAnswerFormat
from tfapp.tasks.tagging.data import SpanTarget
from tfapp.tasks.tagging.evaluation_result import EntityEvaluation
from tfapp.tasks.tagging.propose import propose_tagging
from tfapp.tasks.tagging.settings import SETTINGS, TaggingDataSettings

if TYPE_CHECKING:
    from tfapp.exports.huggingface.stock_model import StockModel
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["TAGGING"]


def _tag(model: PlaygroundModel, form: FormValues) -> dict[str, Any]:
    text = form.required_text("text")
    (entities,) = model.client.tag(model.name, [text], **model.routing)
    spans = [MarkedSpan(entity.start, entity.end, entity.tag, entity.score) for entity in entities]
    return {"segments": text_segments(text, spans), "entities": sorted(entities, key=lambda entity: entity.start)}


_FORM: Final = PlaygroundForm(
    (FormField("text", "Text", rows=7),), _tag, Path(__file__).parent / "templates" / "tagging.playground.html.jinja"
)


def _classes() -> TaskClasses:
    from tfapp.tasks.tagging.evaluator import SpanEvaluator
    from tfapp.tasks.tagging.model import TextTagger

    return TaskClasses({"bert": TextTagger}, SpanEvaluator)


def _hugging_face(model: Any) -> StockModel:
    from tfapp.tasks.tagging.hugging_face import stock_model

    return stock_model(model)


def _onnx() -> OnnxForm:
    from tfapp.tasks.tagging.onnx_form import ONNX_FORM

    return ONNX_FORM


TAGGING: Final = TaskSpec(
    contract.TAGGING,
    settings=SETTINGS,
    schema=Schema(
        SETTINGS.name,
        SETTINGS.texts,
        SpanTarget(),
        ("jsonl", "parquet", "arrow", "conll"),
        settings=TaggingDataSettings,
    ),
    classes=_classes,
    evaluation=EntityEvaluation,
    answer_format=SpanAnswerFormat(),
    card=CardWords(
        "raw text",
        'tag("{name}", ["a text"])',
        answers="the spans that it finds, each with {labels}",
        knows="It finds spans of these types and no others. It may miss spans that are new or spelt differently.",
        reads="Texts of more than {max_length} tokens are read in overlapping windows; it sees one window at a time.",
    ),
    propose=propose_tagging,
    playground=_FORM,
    onnx=_onnx,
    hugging_face=_hugging_face,
)
