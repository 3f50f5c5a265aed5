"""Builds the model of an experiment, and loads its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tfapp.config import Experiment
from tfapp.core.progress_bar import progress
from tfapp.data import Splits
from tfapp.errors import ModelError, TrainingError
from tfapp.models import BertModel, Preset, TaskModel, load_preset
from tfapp.tasks.experiments import read_run_settings
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.registry import find_task
from tfapp.training import (
    Distillation,
    RunFolder,
    StepPrecision,
    choose_precision,
    count_trained,
    cut_teacher,
    latest_run,
    uses_xla,
)

__all__ = ["Learner", "build"]


@dataclass(frozen=True)
class Learner:
    """A model that is ready to be trained.

    Attributes:
        model: The model, made under the strategy.
        precision: How its steps compute.
        trained_weights: How many weights learn.
        distillation: What it learns from beside the labels; None: it has no teacher.
    """

    model: TaskModel
    precision: StepPrecision
    trained_weights: int
    distillation: Distillation | None = None


def build(experiment: Experiment, splits: Splits, strategy: Any, *, quiet: bool) -> Learner:
    """Builds the model of an experiment under a strategy, from the experiment's seed.

    Raises:
        TfappError: Preset, teacher or settings cannot be used.
    """
    _seed(experiment)
    precision = choose_precision(experiment.training.precision)
    with strategy.scope():
        teachers = _load_teachers(experiment, splits.labels, precision.policy)
    preset = _preset(experiment, splits, teachers, quiet=quiet)
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
    distillation = None
    if teachers and experiment.distillation is not None:
        for teacher in teachers:
            teacher.xla = model.xla
        # The rules between settings leave a student no other kind.
        distillation = Distillation(cast(BertModel, model), teachers, experiment.distillation)
    return Learner(model, precision, count_trained(model, experiment.training), distillation)


def _seed(experiment: Experiment) -> None:
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(experiment.training.seed)
    if experiment.training.deterministic and not tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def _preset(experiment: Experiment, splits: Splits, teachers: Sequence[BertModel], *, quiet: bool) -> Preset:
    student = cut_teacher(experiment, teachers[0]) if teachers else None
    if student:
        return student
    make_preset = find_task(experiment.task).make_preset
    if make_preset and experiment.model.from_scratch:
        with progress("Making a vocabulary", quiet=quiet):
            return make_preset(experiment.model, splits.train)
    with progress(f"Bringing {experiment.model.preset}", "bytes", quiet=quiet) as advance:
        return load_preset(experiment.model.preset, on_progress=advance)


def _load_teachers(experiment: Experiment, labels: Sequence[str], dtype: str) -> tuple[BertModel, ...]:
    """Loads the models of `distillation.teacher`; none where there is no such section."""
    names = experiment.distillation.teachers if experiment.distillation else ()
    return tuple(_load_teacher(Path(name), experiment, labels, dtype) for name in names)


def _load_teacher(path: Path, experiment: Experiment, labels: Sequence[str], dtype: str) -> BertModel:
    """Loads the model of a teacher.

    Raises:
        TrainingError: There is no finished run, or its task or labels are others.
        ModelError: It is no BERT.
    """
    folder = _teacher_run(path)
    teacher_settings = read_run_settings(folder.path)
    name = f"distillation.teacher {folder.path}"
    if teacher_settings.task != experiment.task or teacher_settings.model.multi_label != experiment.model.multi_label:
        several = " with several labels a text" if teacher_settings.model.multi_label else ""
        raise TrainingError(f"{name}: its task is {teacher_settings.task}{several}; a student has the same task")
    model = load_model(folder.model, dtype=dtype)
    if not isinstance(model, BertModel):
        raise ModelError(f"{name}: it is a {model.kind}; a student learns from a BERT")
    if model.labels and model.labels != tuple(labels):
        raise TrainingError(
            f"{name}: its labels are {_names(model.labels)}, those of the data {_names(labels)}; a student learns from "
            "a teacher of the same labels: train one on these data"
        )
    model.check_length(experiment.model.max_length)
    return model


def _teacher_run(path: Path) -> RunFolder:
    folder = RunFolder(path) if (path / "settings.toml").is_file() else latest_run(path.name, path.parent)
    if folder is None or not folder.is_finished:
        reason = "no run there" if folder is None else "the run is not finished"
        raise TrainingError(
            f"distillation.teacher {path}: {reason}; give runs/NAME or runs/NAME/TIME of a finished run"
        )
    return folder


def _names(labels: Sequence[str]) -> str:
    return ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
