"""Tests what is exported: the contract's signatures over raw strings, equal to Keras, or nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.errors import ExportError
from tfapp.models import TaskModel
from tfapp.models.classes import ClassificationModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.savedmodel import export_model
from tfapp.savedmodel.signatures import ServedModule, signatures
from tfapp.savedmodel.verify import HARD_TEXTS, TOLERANCE, verify
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task

LABELS = ["money", "sport", "tech"]
METADATA: dict[str, Any] = {
    "preset": "toy",
    "tfapp_version": "0.1.0",
    "data": {"source": "toy.jsonl", "train_rows": 100},
    "metrics": {"accuracy": 0.97},
    "calibration": {"temperature": 1.7, "held_out_rows": 300, "calibration_error": 0.0123},
    "settings": 'name = "toy"\n',
}
# Ops that TensorFlow Serving's images link beside TensorFlow's own.
TEXT_OPS = {"FastBertNormalize", "FastWordpieceTokenizeWithOffsets"}


def build(preset: Path, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(5)
    model = build_model("classification", ModelSettings(preset=str(preset), max_length=16, **changes), LABELS)
    # Random weights say the same of every text; wider ones tell texts apart.
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 8)
    return model


def export(model: TaskModel, folder: Path, max_length: int = 16) -> dict[str, Any]:
    folder.mkdir()
    return export_model(
        model,
        folder,
        name="toy",
        metadata=METADATA,
        texts=["the ball", "bank price"],
        max_length=max_length,
        warmup_requests=2,
        words=find_task(model.task.name).card,
    )


@pytest.fixture(scope="module", params=[{}, {"multi_label": True}, {"kind": "lstm"}], ids=str)
def model_and_folder(
    request: pytest.FixtureRequest, shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TaskModel, Path]:
    model = build(shallow_preset, **request.param)
    temperatures = (0.6, 1.5, 2.5) if request.param.get("multi_label") else (1.7,)
    model.calibrate(TemperatureScaling(temperatures, 300, ""))
    folder = tmp_path_factory.mktemp("models") / "1"
    export(model, folder)
    return model, folder


@pytest.fixture(scope="module")
def loaded_model(model_and_folder: tuple[TaskModel, Path]) -> Any:
    return tf.saved_model.load(str(model_and_folder[1]))


def test_it_answers_as_keras_does(model_and_folder: tuple[TaskModel, Path], loaded_model: Any) -> None:
    model, _ = model_and_folder
    assert isinstance(model, ClassificationModel)
    signature = loaded_model.signatures["serving_default"]
    texts = [*HARD_TEXTS, "the ball", "TEAM  match"]
    answers = signature(text=tf.constant(texts))
    expected = model.answers(model.logits(model.preprocessor(tf.constant(texts))))
    assert np.ptp(expected["probabilities"].numpy(), axis=0).max() > 0.01
    plain_probabilities = model.probabilities(
        model.logits(model.preprocessor(tf.constant(texts))), TemperatureScaling()
    )
    assert np.abs(plain_probabilities - answers["probabilities"]).max() > 0.01
    for name, value in expected.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(answers[name], value, atol=TOLERANCE)
        else:
            assert answers[name].numpy().tolist() == value.numpy().tolist()
    assert set(answers) == set(expected)


def test_tf_example_goes_in_and_classes_come_out(loaded_model: Any) -> None:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"the ball"]))
    example = tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()
    classes = loaded_model.signatures["classify"](inputs=tf.constant([example]))
    plain_answers = loaded_model.signatures["serving_default"](text=tf.constant(["the ball"]))
    np.testing.assert_array_equal(classes["scores"], plain_answers["probabilities"])
    assert classes["classes"].numpy().tolist() == plain_answers["labels"].numpy().tolist()


def test_the_graph_uses_only_ops_that_tensorflow_serving_links(model_and_folder: tuple[TaskModel, Path]) -> None:
    _, folder = model_and_folder
    saved_model = _parse(folder)
    graph = saved_model.meta_graphs[0].graph_def
    ops = {node.op for node in graph.node} | {node.op for f in graph.library.function for node in f.node_def}
    core = {op for op in ops if op in tf.raw_ops.__dict__ or op.startswith("_")}
    assert ops - core == TEXT_OPS & ops
    xla_functions = [f for f in graph.library.function if f.attr["_XlaMustCompile"].b]
    assert not xla_functions
    assert saved_model.meta_graphs[0].signature_def["classify"].method_name == contract.CLASSIFY_METHOD


def _parse(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def test_what_lies_beside_the_graph(model_and_folder: tuple[TaskModel, Path]) -> None:
    model, folder = model_and_folder
    facts = json.loads((folder / contract.METADATA_FILE).read_text())
    assert facts["labels"] == LABELS
    assert facts["task"] == "classification"
    assert facts["verified_difference"] <= TOLERANCE
    assert facts[contract.CHECKS_INPUTS] is True
    records = [r.numpy() for r in tf.data.TFRecordDataset(str(folder / contract.WARMUP_FILE))]
    requests = [prediction_log_pb2.PredictionLog.FromString(r).predict_log.request for r in records]
    assert [r.inputs["text"].tensor_shape.dim[0].size for r in requests] == [2, 1, 1]
    card = (folder / "README.md").read_text()
    assert all(
        part in card for part in ("`toy`", *LABELS, "0.9700", "16 tokens", "train rows", "0.0123", "held-out rows (Guo")
    )
    assert model.task.name in card
    # Where there is a stable, a call without the label may get another version: the first call names it.
    with_label, without = (
        'print(client.classify("toy", ["a text"], label="stable"))',
        'client.classify("toy", ["a text"])',
    )
    assert 0 < card.index(with_label) < card.index(without)


def test_longer_texts_by_setting_in_graphs_that_are_traced_once(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset)
    respond, traces = model.predict_text, []
    model.predict_text = lambda *args, **kwargs: traces.append(args) or respond(*args, **kwargs)  # type: ignore[method-assign,func-returns-value]
    export(model, tmp_path / "1", max_length=32)
    # Predict and Classify, and what both are compared with, for rows of all lengths.
    assert len(traces) == 3
    signature = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    base = "ball goal team match " * 4
    short_probabilities, long_probabilities = signature(
        text=tf.constant([base, base + "bank price stock tax trade profit"])
    )["probabilities"]
    assert not np.allclose(short_probabilities, long_probabilities, atol=1e-6)


def test_a_model_that_answers_otherwise_is_not_passed(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset)
    export(model, tmp_path / "1")
    head = model.network.get_layer("logits")
    head.bias.assign(head.bias.numpy() + np.array([0.0, 0.0, 0.5]))
    with pytest.raises(ExportError, match="nothing was published"):
        verify(tmp_path / "1", model, ["the ball"], max_length=16)


def test_outputs_beside_the_contract_are_refused(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    compute_answers = model.answers
    model.answers = lambda logits: compute_answers(logits) | {"extra": logits}  # type: ignore[method-assign]
    with pytest.raises(ExportError, match=r"\['extra'\] are not in the contract"):
        signatures(ServedModule(model, max_length=16), model.task)
    model.answers = lambda logits: {"label": compute_answers(logits)["label"]}  # type: ignore[method-assign]
    with pytest.raises(ExportError, match="output score is None"):
        signatures(ServedModule(model, max_length=16), model.task)


def test_a_batch_of_none_is_answered(loaded_model: Any) -> None:
    answers = loaded_model.signatures["serving_default"](text=tf.constant([], tf.string))
    assert answers["probabilities"].shape == (0, 3)
