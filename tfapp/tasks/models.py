"""The ways to a model: from a preset, from a folder that `TaskModel.save` wrote, or on a backbone that is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models import BertModel, Preprocessor, Preset, TaskModel, load_preset
from tfapp.models.unknown import Unknown
from tfapp.tasks.registry import find_task

__all__ = ["build_model", "build_on_backbone", "load_model"]


def build_model(
    task: str,
    settings: ModelSettings,
    labels: Sequence[str],
    *,
    unknown_label: str | None = None,
    preset: Preset | None = None,
    dtype: str = "float32",
) -> TaskModel:
    """Builds a model to be trained.

    Args:
        task: A task's name.
        settings: The experiment's model settings.
        labels: What the data say of their labels, as `Splits.labels`.
        unknown_label: As `data.unknown_label`.
        preset: What to start from; None: what `settings.preset` names.
        dtype: A Keras dtype policy, "float32" or "mixed_bfloat16".

    Raises:
        ModelError: The preset cannot be used, or the task has no such model.
    """
    kind = _class(task, settings.kind)
    preset = preset or load_preset(settings.preset)
    model: TaskModel = kind.from_preset(preset, labels, settings, dtype=dtype)
    if unknown_label is not None:
        model.unknown = Unknown(unknown_label, settings.unknown_share, settings.unknown_by)
    return model


def load_model(folder: Path, *, dtype: str = "float32") -> TaskModel:
    """Loads a trained model, weights included.

    Raises:
        ModelError: The folder holds no saved model.
    """
    values = TaskModel.read_config(folder)
    preprocessor = Preprocessor.load(folder, values["preprocessor"])
    kind = _class(values["task"], values["kind"])
    model: TaskModel = kind.from_config(values["config"], preprocessor, dtype=dtype)
    model.load_weights(folder)
    return model


def build_on_backbone(
    task: str, kind: str, config: dict[str, Any], backbone: Any, preprocessor: Preprocessor
) -> BertModel:
    """Builds the model that a config describes, with untrained weights, on a backbone that other models may share.

    Raises:
        ModelError: The task has no such model, or it stands on no BERT.
    """
    network = _class(task, kind)
    if not issubclass(network, BertModel):
        raise ModelError(f"a {kind} model for {task} stands on no BERT; take one that does")
    model: BertModel = network.on_backbone(backbone, config, preprocessor)
    return model


def _class(task: str, kind: str) -> type[Any]:
    models = find_task(task).classes().models
    if kind not in models:
        raise ModelError(f"there is no {kind} model for {task}; take {' or '.join(models)}")
    return models[kind]
