"""Pretraining of a BERT on texts without labels, as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tfapp.data.schemas import TABLES, Schema
from tfapp.data.targets import NoLabels
from tfapp.tasks.pretraining.evaluation_result import LanguageEvaluation
from tfapp.tasks.pretraining.experiment import pretraining_experiment
from tfapp.tasks.pretraining.settings import PRETRAINING_CONTRACT, SETTINGS
from tfapp.tasks.spec import TaskClasses, TaskSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from tfapp.config import ModelSettings
    from tfapp.models import Preset

__all__ = ["PRETRAINING"]


def _classes() -> TaskClasses:
    from tfapp.tasks.pretraining.evaluator import LanguageEvaluator
    from tfapp.tasks.pretraining.model import LanguageModel
    from tfapp.tasks.pretraining.simcse import SimCse
    from tfapp.tasks.pretraining.tsdae import Tsdae

    return TaskClasses({"bert": LanguageModel, "simcse": SimCse, "tsdae": Tsdae}, LanguageEvaluator)


def _make_preset(settings: ModelSettings, train: pa.Table) -> Preset:
    from tfapp.tasks.pretraining.scratch_preset import make_preset

    return make_preset(settings, train["text"].to_pylist())


PRETRAINING: Final = TaskSpec(
    PRETRAINING_CONTRACT,
    settings=SETTINGS,
    schema=Schema(SETTINGS.name, SETTINGS.texts, NoLabels(), (*TABLES, "txt", "folder")),
    classes=_classes,
    evaluation=LanguageEvaluation,
    make_preset=_make_preset,
    pretraining_experiment=pretraining_experiment,
)
