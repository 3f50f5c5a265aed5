"""The table of models, and the two ways to one: from a preset, or from a folder that `TaskModel.save` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models.answerer import Answerer
from tfapp.models.base import TaskModel
from tfapp.models.classifier import TextClassifier
from tfapp.models.embedder import Embedder
from tfapp.models.language_model import LanguageModel
from tfapp.models.lstm import LstmClassifier
from tfapp.models.pair_classifier import PairClassifier
from tfapp.models.preprocessor import Preprocessor
from tfapp.models.presets import Preset, load_preset
from tfapp.models.ranker import PairRanker
from tfapp.models.tagger import TextTagger
from tfapp.models.unknown import Unknown

__all__ = ["MODELS", "build_model", "load_model"]

# A new model is one class and one line here.
MODELS: Final[dict[tuple[str, str], type[Any]]] = {
    (model.task.name, model.kind): model
    for model in (
        TextClassifier,
        LstmClassifier,
        PairClassifier,
        PairRanker,
        Embedder,
        TextTagger,
        Answerer,
        LanguageModel,
    )
}


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


def _class(task: str, kind: str) -> type[Any]:
    try:
        return MODELS[task, kind]
    except KeyError as error:
        raise ModelError(f"there is no {kind} model for {task}") from error
