"""Small SavedModels for the tests of the server and the client."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.example import example_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tfapp_client import contract


class Numbers(tf.Module):
    """Arithmetic with one variable, and signatures for Classify and Regress on the feature x."""

    def __init__(self, add: float) -> None:
        super().__init__()
        self.add = tf.Variable(add)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def halve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x / 2 + self.add, "x2": x + x}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="a"), tf.TensorSpec([None], tf.float32, name="b")]
    )
    def two(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": a + b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=contract.EXAMPLES_INPUT)])
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        positive = tf.sigmoid(_feature(inputs))
        classes = tf.repeat(tf.constant([["neg", "pos"]]), tf.size(inputs), axis=0)
        return {contract.CLASSES: classes, contract.SCORES: tf.stack([1 - positive, positive], axis=1)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=contract.EXAMPLES_INPUT)])
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {contract.VALUES: _feature(inputs) / 2 + self.add}


class WordsModule(tf.Module):
    """Strings in and out."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def shout(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"upper": tf.strings.upper(text), "length": tf.strings.length(text), "raw_bytes": text}


class Classifier(tf.Module):
    """A classifier by the contract: the label whose place is the text's length, modulo their number."""

    def __init__(self, labels: Sequence[str], *, multi_label: bool = False) -> None:
        super().__init__()
        self.labels = list(labels)
        self.multi_label = multi_label

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        names = tf.constant(self.labels)
        place = tf.strings.length(text, unit="UTF8_CHAR") % len(self.labels)
        probabilities = tf.nn.softmax(3 * tf.one_hot(place, len(self.labels)))
        outputs = {
            "label": tf.gather(names, place),
            "score": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
            "labels": tf.repeat(names[tf.newaxis], tf.size(text), axis=0),
        }
        return {**outputs, "chosen": probabilities > 0.5} if self.multi_label else outputs


def write_numbers(models: Path, version: int, *, add: float | None = None) -> Path:
    """Writes MODELS/numbers/VERSION, which adds its version."""
    return _copy(_save_numbers, float(version) if add is None else add, folder=models / "numbers" / str(version))


def write_words(models: Path, version: int = 1) -> Path:
    """Writes MODELS/words/VERSION."""
    return _copy(_save_words, folder=models / "words" / str(version))


def write_classifier(
    models: Path, name: str, version: int = 1, labels: Sequence[str] = ("aa", "bé", "cc"), *, multi_label: bool = False
) -> Path:
    """Writes MODELS/NAME/VERSION, a classifier by the contract."""
    return _copy(_save_classifier, tuple(labels), multi_label, folder=models / name / str(version))


def _save_numbers(add: float, folder: Path) -> Path:
    module = Numbers(add)
    signatures = {
        "serving_default": module.halve,
        "two": module.two,
        contract.CLASSIFY_SIGNATURE: module.classify,
        contract.REGRESS_SIGNATURE: module.regress,
    }
    methods = {
        contract.CLASSIFY_SIGNATURE: contract.CLASSIFY_METHOD,
        contract.REGRESS_SIGNATURE: contract.REGRESS_METHOD,
    }
    return save(module, folder, signatures, methods)


def _save_words(folder: Path) -> Path:
    module = WordsModule()
    return save(module, folder, {"serving_default": module.shout})


def _save_classifier(labels: Sequence[str], multi_label: bool, folder: Path) -> Path:
    module = Classifier(labels, multi_label=multi_label)
    return save(module, folder, {contract.DEFAULT_SIGNATURE: module.__call__})


def _copy(write: Callable[..., Path], *arguments: Any, folder: Path) -> Path:
    """Lets a version appear, by one rename: a copy of what `write` wrote, which a process has done once."""
    draft = _draft(folder)
    shutil.copytree(_template(write, *arguments), draft)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return draft.rename(folder)


@functools.cache
def _template(write: Callable[..., Path], *arguments: Any) -> Path:
    return write(*arguments, folder=Path(tempfile.mkdtemp(dir=_templates().name)) / "1")


@functools.cache
def _templates() -> tempfile.TemporaryDirectory[str]:
    """Makes a folder that goes when the process ends."""
    return tempfile.TemporaryDirectory(prefix="served-models-")


def save(module: Any, folder: Path, signatures: dict[str, Any], methods: dict[str, str] | None = None) -> Path:
    """Writes a SavedModel, with method names for the signatures that need one."""
    draft = _draft(folder)
    tf.saved_model.save(module, str(draft), signatures=signatures)
    file = draft / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        for key, method in (methods or {}).items():
            graph.signature_def[key].method_name = method
    file.write_bytes(model.SerializeToString())
    folder.parent.mkdir(parents=True, exist_ok=True)
    return draft.rename(folder)


def _draft(folder: Path) -> Path:
    """Where a version is written before it appears."""
    return folder.parent.parent / f".saving-{folder.parent.name}-{folder.name}"


def example(**features: float) -> example_pb2.Example:
    """A tf.Example of float features."""
    message = example_pb2.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message


def _feature(examples: tf.Tensor) -> tf.Tensor:
    return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
