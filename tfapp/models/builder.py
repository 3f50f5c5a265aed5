"""The table of models, and the two ways to one: from a preset, or from a folder that `TaskModel.save` wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models.base import TaskModel
from tfapp.models.classifier import TextClassifier
from tfapp.models.lstm import LstmClassifier
from tfapp.models.pair_classifier import PairClassifier
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import load_preset
from tfapp.models.ranker import PairRanker
from tfapp.models.tagger import TextTagger

__all__ = ["MODELS", "build_model", "load_model"]

# A new model is one class and one line here.
MODELS: Final[dict[tuple[str, str], type[Any]]] = {
    (model.task.name, model.kind): model
    for model in (TextClassifier, LstmClassifier, PairClassifier, PairRanker, TextTagger)
}


def build_model(
    task: str,
    settings: ModelSettings,
    labels: Sequence[str],
    *,
    dtype: str = "float32",
    on_progress: Callable[[int, int | None], None] | None = None,
) -> TaskModel:
    """Builds a model to be trained.

    Args:
        task: A task's name.
        settings: The experiment's model settings.
        labels: What the data say of their labels, as `Splits.labels`.
        dtype: A Keras dtype policy, "float32" or "mixed_bfloat16".
        on_progress: Called with bytes done and bytes in all while the preset is brought.

    Raises:
        ModelError: The preset cannot be used, or the task has no such model.
    """
    preset = load_preset(settings.preset, on_progress=on_progress)
    model: TaskModel = _class(task, settings.kind).from_preset(preset, labels, settings, dtype=dtype)
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


def _class(task: str, kind: str) -> type[Any]:
    try:
        return MODELS[task, kind]
    except KeyError as error:
        raise ModelError(f"there is no {kind} model for {task}") from error
