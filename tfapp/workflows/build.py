"""Builds the model of an experiment, and tokenizes the data that it learns from."""

from __future__ import annotations

from typing import Any, cast

from tfapp.config import Experiment
from tfapp.core.terminal import progress
from tfapp.data import Splits
from tfapp.models import BertModel, Preset, TaskModel, load_preset
from tfapp.tasks.experiments import load_experiment
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.registry import find_task
from tfapp.training import Distillation, StepPrecision, cut_teacher, load_teacher, uses_xla

__all__ = ["build"]


def build(
    experiment: Experiment, splits: Splits, strategy: Any, precision: StepPrecision, *, quiet: bool
) -> tuple[TaskModel, Distillation | None]:
    """Builds the model under a strategy, and what it learns from beside the labels; None where it has no teacher.

    Raises:
        TfappError: Preset, teacher or settings cannot be used.
    """
    with strategy.scope():
        teacher = load_teacher(
            experiment,
            splits.labels,
            load_experiment=load_experiment,
            load_model=load_model,
            dtype=precision.policy,
        )
    preset = _preset(experiment, splits, teacher, quiet=quiet)
    with strategy.scope():
        model = build_model(
            experiment.task,
            experiment.network,
            splits.labels,
            unknown_label=experiment.data.unknown_label,
            preset=preset,
            dtype=precision.policy,
        )
    model.xla = isinstance(model, BertModel) and uses_xla(experiment.training, splits.train.num_rows, strategy)
    if teacher is None or experiment.distillation is None:
        return model, None
    teacher.xla = model.xla
    # The rules between settings leave a student no other kind.
    return model, Distillation(cast(BertModel, model), teacher, experiment.distillation)


def _preset(experiment: Experiment, splits: Splits, teacher: BertModel | None, *, quiet: bool) -> Preset:
    student = cut_teacher(experiment, teacher) if teacher else None
    if student:
        return student
    make_preset = find_task(experiment.task).make_preset
    if make_preset and experiment.model.from_scratch:
        with progress("Making a vocabulary", quiet=quiet):
            return make_preset(experiment.model, splits.train)
    with progress(f"Bringing {experiment.model.preset}", "bytes", quiet=quiet) as advance:
        return load_preset(experiment.model.preset, on_progress=advance)
