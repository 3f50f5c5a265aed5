"""Pretraining of a BERT on texts without labels, as a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tfapp.data.schemas import TABLES, Schema
from tfapp.data.unlabelled import NoLabels
from tfapp.tasks.pretraining.contract import PRETRAINING_CONTRACT
from tfapp.tasks.pretraining.settings import SETTINGS
from tfapp.tasks.spec import Evaluator, TaskSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from tfapp.config import ModelSettings
    from tfapp.evaluation import Evaluation
    from tfapp.models import Preset

__all__ = ["PRETRAINING"]


def _models() -> Mapping[str, type[Any]]:
    from tfapp.tasks.pretraining.model import LanguageModel

    return {"bert": LanguageModel}


def _make_preset(settings: ModelSettings, train: pa.Table) -> Preset:
    from tfapp.tasks.pretraining.scratch_preset import make_preset

    return make_preset(settings, train["text"].to_pylist())


def _evaluator() -> Evaluator:
    from tfapp.tasks.pretraining.evaluator import LanguageEvaluator

    return LanguageEvaluator()


def _evaluations() -> tuple[type[Evaluation], ...]:
    from tfapp.tasks.pretraining.evaluation import LanguageEvaluation

    return (LanguageEvaluation,)


PRETRAINING: Final = TaskSpec(
    PRETRAINING_CONTRACT,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, NoLabels(), (*TABLES, "txt", "folder")),
    models=_models,
    evaluator=_evaluator,
    evaluations=_evaluations,
    make_preset=_make_preset,
)
