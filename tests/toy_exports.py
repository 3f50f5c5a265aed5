"""Exported graphs of untrained toy models, as they are now and as they were before they checked their inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tfapp_client import contract

from tests.networks import LENGTH, MODELS
from tests.served_models import save
from tests.shared_folders import SharedFolders
from tests.toy import write_toy_preset
from tfapp.core.files import write_json
from tfapp.models import BertModel, TaskModel
from tfapp.savedmodel.encoder import PackedEncoder
from tfapp.savedmodel.saved_model import write_graph
from tfapp.savedmodel.signatures import METHODS, ServedModule
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task

__all__ = ["CRASHES", "TOY_MODELS", "ToyExports", "read_graph", "toy_model", "write_checked", "write_unchecked"]

TOY_MODELS: Final = {**MODELS, "lstm": ("classification", {"kind": "lstm"}, ("a", "b"))}
# A shape of each class at which a graph without checks ends the process.
CRASHES: Final = ((), (1, 0), (3, 0, 2))


class ToyExports:
    """An export of each of `TOY_MODELS`, on a BERT of one layer; tests read them only.

    Args:
        folders: Where they lie.
    """

    def __init__(self, folders: SharedFolders) -> None:
        self._folders = folders

    def model(self, name: str) -> TaskModel:
        """Builds the model."""
        return toy_model(self._folders.get("shallow-preset", lambda folder: write_toy_preset(folder, layers=1)), name)

    def version(self, name: str) -> Path:
        """Returns the exported version's folder, whose last part is 1."""
        number = list(TOY_MODELS).index(name)
        return self._folders.get(f"toy-export-{number}", lambda to: write_checked(to / "1", self.model(name))) / "1"


def toy_model(preset: Path, name: str) -> TaskModel:
    """Builds one of `TOY_MODELS` on a BERT."""
    task, changes, labels = TOY_MODELS[name]
    return build_model(task, find_task(task).settings.model(preset=str(preset), max_length=LENGTH, **changes), labels)


def write_checked(folder: Path, model: TaskModel) -> Path:
    """Writes a version as the export does, without comparing it with Keras."""
    write_graph(folder, _module(model), model.task)
    write_json(_metadata_file(folder), {"task": model.task.name, contract.CHECKS_INPUTS: True})
    return folder


def write_unchecked(folder: Path, model: TaskModel) -> Path:
    """Writes a version of a task with one input and labels as it was before graphs checked their inputs."""
    module = _module(model)
    (name,) = model.inputs

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name)], autograph=False)
    def predict(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return module.answer({name: texts})

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=contract.EXAMPLES_INPUT)], autograph=False)
    def classify(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = module.answer(tf.io.parse_example(inputs, {name: tf.io.FixedLenFeature([], tf.string)}))
        return {contract.CLASSES: answers["labels"], contract.SCORES: answers["probabilities"]}

    save(module, folder, {contract.DEFAULT_SIGNATURE: predict, contract.CLASSIFY_SIGNATURE: classify}, METHODS)
    write_json(_metadata_file(folder), {"task": model.task.name})
    return folder


def read_graph(folder: Path) -> Any:
    """The MetaGraphDef of a version."""
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]


def _module(model: TaskModel) -> ServedModule:
    encoder = PackedEncoder(model) if isinstance(model, BertModel) else None
    return ServedModule(model, max_length=LENGTH, encoder=encoder)


def _metadata_file(folder: Path) -> Path:
    file = folder / contract.METADATA_FILE
    file.parent.mkdir(exist_ok=True)
    return file
