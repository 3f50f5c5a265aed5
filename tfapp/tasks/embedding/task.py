"""Embedding of texts as vectors, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tfapp_client import contract

from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.embedding.data import PairTarget
from tfapp.tasks.embedding.playground import EMBEDDING_FORM
from tfapp.tasks.embedding.settings import SETTINGS
from tfapp.tasks.spec import CardWords, Evaluator, TaskSpec

if TYPE_CHECKING:
    from tfapp.evaluation import Evaluation

__all__ = ["EMBEDDING"]


def _models() -> Mapping[str, type[Any]]:
    from tfapp.tasks.embedding.model import TextEmbedder

    return {"bert": TextEmbedder}


def _evaluator() -> Evaluator:
    from tfapp.tasks.embedding.evaluator import RetrievalEvaluator

    return RetrievalEvaluator()


def _evaluations() -> tuple[type[Evaluation], ...]:
    from tfapp.tasks.embedding.evaluation import RetrievalEvaluation

    return (RetrievalEvaluation,)


EMBEDDING: Final = TaskSpec(
    contract.EMBEDDING,
    settings=SETTINGS,
    schema=Schema(
        SETTINGS.name, SETTINGS.texts, PairTarget(), TABLES, extra=("negative",), group="query", settings=SETTINGS.data
    ),
    models=_models,
    evaluator=_evaluator,
    evaluations=_evaluations,
    card=CardWords(
        "raw text",
        'embed("{name}", ["a text"])',
        answers="a vector of length 1; the vectors of similar texts point in similar directions",
        knows="No fixed cosine separates texts that fit from texts that do not: find a threshold on your own texts.",
    ),
    playground=EMBEDDING_FORM,
)
