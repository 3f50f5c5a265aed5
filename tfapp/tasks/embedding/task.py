"""Embedding of texts as vectors, as a task."""

from __future__ import annotations

from typing import Final

from tfapp_client import contract

from tfapp.data.schemas import TABLES, Schema
from tfapp.tasks.embedding.data import PairTarget
from tfapp.tasks.embedding.evaluation import RetrievalEvaluation
from tfapp.tasks.embedding.playground import EMBEDDING_FORM
from tfapp.tasks.embedding.settings import SETTINGS
from tfapp.tasks.spec import CardWords, TaskClasses, TaskSpec

__all__ = ["EMBEDDING"]


def _classes() -> TaskClasses:
    from tfapp.tasks.embedding.evaluator import RetrievalEvaluator
    from tfapp.tasks.embedding.model import TextEmbedder

    return TaskClasses({"bert": TextEmbedder}, RetrievalEvaluator)


EMBEDDING: Final = TaskSpec(
    contract.EMBEDDING,
    settings=SETTINGS,
    schema=Schema(
        SETTINGS.name, SETTINGS.texts, PairTarget(), TABLES, extra=("negative",), group="query", settings=SETTINGS.data
    ),
    classes=_classes,
    evaluation=RetrievalEvaluation,
    card=CardWords(
        "raw text",
        'embed("{name}", ["a text"])',
        answers="a vector of length 1; the vectors of similar texts point in similar directions",
        knows="No fixed cosine separates texts that fit from texts that do not: find a threshold on your own texts.",
    ),
    playground=EMBEDDING_FORM,
)
