"""Holds the common parts of evaluations: metrics and their intervals, comparisons, plots and the report."""

from __future__ import annotations

from tfapp.evaluation.base import Evaluation
from tfapp.evaluation.class_evaluation import ClassEvaluation
from tfapp.evaluation.evaluated_rows import Overlap
from tfapp.evaluation.query_evaluation import QueryEvaluation
from tfapp.evaluation.report import check_evaluation, write_report

__all__ = [
    "ClassEvaluation",
    "Evaluation",
    "Overlap",
    "QueryEvaluation",
    "check_evaluation",
    "write_report",
]
