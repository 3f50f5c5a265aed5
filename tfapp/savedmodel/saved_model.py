"""Writes a trained model as a SavedModel that takes raw strings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tfapp_client import contract

from tfapp.config.task_settings import CardWords
from tfapp.core.files import FULL_DISK, replacing, write_json, write_text
from tfapp.core.rows import Row
from tfapp.core.tensorflow_import import without_noise
from tfapp.errors import ExportError
from tfapp.models import TaskModel
from tfapp.savedmodel.encoder import PackedEncoder
from tfapp.savedmodel.input_checks import name_input_shapes, unchecked_inputs
from tfapp.savedmodel.model_card import model_card
from tfapp.savedmodel.signatures import METHODS, ServedModule, signatures
from tfapp.savedmodel.verify import verify

__all__ = ["complete_signatures", "export_model", "full_disk_errors", "write_graph"]


def export_model(
    model: TaskModel,
    folder: Path,
    *,
    name: str,
    metadata: Mapping[str, Any],
    texts: Sequence[Row],
    max_length: int,
    warmup_requests: int,
    words: CardWords | None,
    encoder: PackedEncoder | None = None,
) -> dict[str, Any]:
    """Writes a version's folder and checks it. Publishing it, by rename, is up to the caller.

    Args:
        model: A trained model in float32.
        folder: An empty folder that no server looks into.
        name: The served model's name.
        metadata: Preset, data, metrics, settings and tfapp's version, for `assets.extra/tfapp.json` and the README.
        texts: Rows of the user's data, for the check.
        max_length: The served model's longest input in tokens.
        warmup_requests: How many rows a server warms up with.
        words: What the README says of the task; None: there is none.
        encoder: What computes in the place of the model's network; None: the network itself.

    Returns:
        The whole metadata as written.

    Raises:
        ModelError: The model cannot read texts of `max_length` tokens.
        ExportError: The check failed, or the folder cannot be written.
    """
    model.check_length(max_length)
    module = ServedModule(model, max_length=max_length, encoder=encoder)
    exact = encoder is None or encoder.precision.exact
    try:
        write_graph(folder, module, model.task)
        write_warmup(folder, warmup_columns(model.inputs, warmup_requests, max_length))
        full_metadata = dict(metadata) | {
            "task": model.task.name,
            "contract": asdict(model.task),
            "labels": list(model.labels),
            "multi_label": bool(getattr(model, "multi_label", False)),
            "unknown_label": model.unknown.label if model.unknown else None,
            "max_length": max_length,
            "encoder": "plain" if encoder is None else "packed",
            "precision": "float32" if encoder is None else encoder.precision.name,
            contract.CHECKS_INPUTS: True,
            "verified_difference": verify(folder, model, texts, max_length=max_length, exact=exact),
        }
        write_json(folder / contract.METADATA_FILE, full_metadata, shared=True)
        if words is not None:
            write_text(folder / "README.md", model_card(name, full_metadata, words), shared=True)
    except OSError as error:
        raise ExportError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return full_metadata


def write_graph(folder: Path, module: ServedModule, task: contract.Task) -> None:
    """Writes a version's SavedModel, without the files beside it.

    Args:
        folder: The version's folder.
        module: The model that answers.
        task: Its contract.

    Raises:
        ExportError: The model's outputs are not those of the contract, or an input is not checked.
    """
    with without_noise():
        tf.saved_model.save(module, str(folder), signatures=signatures(module, task))
    complete_signatures(folder)


def complete_signatures(folder: Path) -> None:
    """Adds to the saved signatures their inputs' shapes, and methods other than Predict, which TensorFlow leaves out.

    Args:
        folder: A version's folder, as TensorFlow saved it.

    Raises:
        ExportError: An input is not checked.
    """
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        if names := unchecked_inputs(graph):
            raise ExportError(f"the graph does not check the shape of {', '.join(names)}; nothing was published")
        name_input_shapes(graph)
        for signature, method in METHODS.items():
            if signature in graph.signature_def:
                graph.signature_def[signature].method_name = method
    with replacing(file, shared=True) as draft:
        draft.write_bytes(model.SerializeToString())


@contextmanager
def full_disk_errors(folder: Path) -> Iterator[None]:
    """Makes an OSError of TensorFlow's error that a disk is full, as Python's own writing raises.

    Args:
        folder: Where the block writes; the error names it.

    Raises:
        OSError: There was no more room.
    """
    try:
        yield
    except tf.errors.OpError as error:
        number = next((number for number in FULL_DISK if os.strerror(number) in error.message), None)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(folder)) from error


def warmup_columns(inputs: Sequence[str], count: int, max_length: int) -> dict[str, list[str]]:
    """Makes rows from one word to more than a model reads, their lengths evenly spread on a logarithmic scale.

    Made ones, since a user's own texts have no place in a file that goes wherever the model goes. The inputs share a
    row's words.
    """
    words = np.geomspace(1, 2 * max_length, count).round().astype(int)
    return {name: [" ".join(["word"] * -(-number // len(inputs))) for number in words] for name in inputs}


def write_warmup(folder: Path, columns: Mapping[str, Sequence[str]]) -> None:
    """Writes one Predict request a row, and one of all rows, into a version's folder."""
    file = folder / contract.WARMUP_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = len(next(iter(columns.values())))
    with tf.io.TFRecordWriter(str(file)) as writer:
        for part in (slice(None), *(slice(row, row + 1) for row in range(rows))):
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = contract.DEFAULT_SIGNATURE
            for name, texts in columns.items():
                some = list(texts[part])
                request.inputs[name].CopyFrom(tf.make_tensor_proto(some, tf.string, [len(some)]))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
