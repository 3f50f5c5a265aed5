"""What models are worth: metrics, their intervals and plots, and the report, of every task."""

from __future__ import annotations

from tfapp.evaluation.answer_evaluation import AnswerEvaluation
from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_evaluation import ClassEvaluation
from tfapp.evaluation.entity_evaluation import EntityEvaluation
from tfapp.evaluation.language_evaluation import LanguageEvaluation
from tfapp.evaluation.ranking_evaluation import RankingEvaluation
from tfapp.evaluation.report import write_report
from tfapp.evaluation.retrieval_evaluation import RetrievalEvaluation

__all__ = [
    "AnswerEvaluation",
    "ClassEvaluation",
    "EntityEvaluation",
    "Evaluation",
    "LanguageEvaluation",
    "RankingEvaluation",
    "RetrievalEvaluation",
    "write_report",
]
