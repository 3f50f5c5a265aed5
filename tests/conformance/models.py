"""Models that a test holds in its hand: they wait for files, fail as they are told, or cannot be run at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.data.experimental.ops import testing
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tests.served_models import save, write_numbers, write_words
from tests.toy import write_toy_preset
from tests.toy_exports import toy_model, write_checked

__all__ = ["MISSING_OP", "Models", "gate_log", "write_warm_up"]

MISSING_OP: Final = "OpThatNoServerHas"
# Long enough to leave the processor to others.
_PAUSE_MICROSECONDS: Final = 10_000


class Gate(tf.Module):
    """A request waits until there is a file of the name that its first row gives; "" waits for nothing.

    Answers its rows, and how many rows ran together. It notes by a file NAME.entered that it runs.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="gate")])
    def wait(self, gate: tf.Tensor) -> dict[str, tf.Tensor]:
        name = gate[0]
        if name != "":
            tf.io.write_file(name + ".entered", "")
            _wait_for_file(name)
        return {"gate": gate, "rows": tf.repeat(tf.size(gate), tf.size(gate))}


class Faults(tf.Module):
    """One signature for each way in which an op fails."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def out_of_range(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = iter(tf.data.Dataset.from_tensor_slices(text))
        for _ in range(3):
            row = next(rows)
        return {"text": row}

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="a"), tf.TensorSpec(None, tf.float32, name="b")])
    def unimplemented(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": a + b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def data_loss(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.io.write_file(text[0], "no record" * 10)
        return {"text": next(iter(tf.data.TFRecordDataset(text)))}


class Attempts(tf.Module):
    """Writes a file of a new name into the folder that it is given, each time it is run."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="folder")])
    def note(self, folder: tf.Tensor) -> dict[str, tf.Tensor]:
        tf.io.write_file(folder[0] + "/" + tf.strings.as_string(tf.timestamp(), precision=9), "")
        return {"folder": folder}


class Models:
    """Writes each model once; tests publish copies.

    Args:
        folder: A folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        preset = write_toy_preset(folder / "preset", layers=1)
        self._templates = {
            "words": write_words(folder),
            "exported": write_checked(folder / "exported" / "1", toy_model(preset, "lstm")),
            "gate": _write(Gate(), folder, "gate", "wait"),
            "attempts": _write(Attempts(), folder, "attempts", "note"),
            "faults": _write(Faults(), folder, "faults", "out_of_range"),
            **{f"numbers {version}": write_numbers(folder, version) for version in (1, 2, 3)},
        }
        self._templates["lacking"] = _write_lacking(folder, self._templates["words"])

    def publish(self, template: str, folder: Path, *warm_up: Any) -> Path:
        """Lets a version appear, by one rename.

        Args:
            template: "words", "exported", "gate", "attempts", "faults", "lacking", or "numbers N", which adds N.
            folder: The version's folder.
            warm_up: PredictionLogs, its warm-up requests.
        """
        draft = folder.parent.parent / f".{folder.parent.name}-{folder.name}"
        shutil.copytree(self._templates[template], draft)
        if warm_up:
            write_warm_up(draft, *warm_up)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return draft.rename(folder)


def gate_log(gate: Path | str, model_input: str = "gate") -> Any:
    """A warm-up request: a Predict with one text, such as a gate to wait at."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs[model_input].CopyFrom(tf.make_tensor_proto([str(gate)]))
    return log


def write_warm_up(folder: Path, *logs: Any) -> None:
    """Writes a version's warm-up requests."""
    file = folder / contract.WARMUP_FILE
    file.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(file)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def _wait_for_file(name: tf.Tensor) -> None:
    tries = tf.constant(0)
    exists = tf.constant(False)
    while not exists:
        for _ in tf.data.Dataset.range(1).apply(testing.sleep(_PAUSE_MICROSECONDS)):
            tries += 1
        # It must differ from turn to turn, or the look might be moved out of the loop.
        pattern = tf.strings.substr(name + tf.strings.as_string(tries), 0, tf.strings.length(name))
        exists = tf.size(tf.io.matching_files(pattern)) > 0


def _write(module: tf.Module, models: Path, name: str, default: str) -> Path:
    """Writes a model whose signatures are its functions, one of them the default."""
    functions = {
        key: getattr(module, key) for key, value in vars(type(module)).items() if hasattr(value, "python_function")
    }
    signatures = {**functions, contract.DEFAULT_SIGNATURE: functions[default]}
    return save(module, models / name / "1", signatures)


def _write_lacking(models: Path, words: Path) -> Path:
    """A copy of `words` with one op renamed."""
    folder = models / "lacking" / "1"
    shutil.copytree(words, folder)
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "StringUpper":
                    node.op = MISSING_OP
    file.write_bytes(model.SerializeToString())
    return folder
