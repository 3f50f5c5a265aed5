"""Exported models of pairs: the contract's inputs, TensorFlow Serving's classic calls, equal to Keras."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.errors import ExportError
from tfapp.models import BertModel, TaskModel
from tfapp.registry import STABLE, LabelStore
from tfapp.savedmodel import export_model
from tfapp.savedmodel.encoder import PackedEncoder
from tfapp.savedmodel.verify import HARD_TEXTS, TOLERANCE, hard_rows, verify
from tfapp.server import ServerSettings, running_server
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task

METADATA: dict[str, Any] = {
    "preset": "toy",
    "tfapp_version": "0.1.0",
    "data": {"source": "toy.jsonl"},
    "metrics": {"AUC": 0.97},
    "settings": 'name = "toy"\n',
}
PAIRS = [("the ball", "a goal"), ("bank", "price"), *hard_rows(2)]


@pytest.fixture(scope="module", params=["pair-classification", "ranking", "ranking bi", "pair-classification bi"])
def export(
    request: pytest.FixtureRequest, shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TaskModel, Path]:
    keras.utils.set_random_seed(5)
    task, _, encoder = request.param.partition(" ")
    changes = ModelSettings(preset=str(shallow_preset), max_length=16, pair_encoder=encoder or "cross")
    model = build_model(task, changes, ["0", "1"])
    assert isinstance(model, BertModel)
    # Random weights say the same of every text; wider ones tell texts apart.
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 8)
    if model.comparison == "cosine":
        model.head.set_weights([np.array([[9.0]]), np.array([-8.0])])
    folder = tmp_path_factory.mktemp("models")
    export_model(
        model,
        folder,
        name="toy",
        metadata=METADATA,
        texts=PAIRS[:2],
        max_length=16,
        warmup_requests=3,
        words=find_task(task).card,
        encoder=PackedEncoder(model) if encoder else None,
    )
    return model, folder


@pytest.fixture(scope="module")
def loaded_model(export: tuple[TaskModel, Path]) -> Any:
    return tf.saved_model.load(str(export[1]))


def inputs_of(pairs: list[Any]) -> dict[str, tf.Tensor]:
    names = ("query", "candidate")
    return {name: tf.constant([pair[place] for pair in pairs], tf.string) for place, name in enumerate(names)}


def numbers(answers: dict[str, Any]) -> np.ndarray:
    return np.asarray(answers["probabilities" if "probabilities" in answers else "score"])


def test_hard_texts_stand_on_both_sides() -> None:
    assert all(set(side) == set(HARD_TEXTS) for side in zip(*hard_rows(2), strict=True))
    assert ("", "") in hard_rows(2)
    assert hard_rows(1) == list(HARD_TEXTS)


def test_it_answers_as_keras_does(export: tuple[TaskModel, Path], loaded_model: Any) -> None:
    model, _ = export
    signature = loaded_model.signatures["serving_default"]
    answers, expected = signature(**inputs_of(PAIRS)), model.predict_text(inputs_of(PAIRS))
    assert np.ptp(numbers(expected), axis=0).max() > 0.01
    np.testing.assert_allclose(numbers(answers), numbers(expected), atol=TOLERANCE)
    assert set(answers) == set(expected)
    assert numbers(signature(**inputs_of([]))).shape[0] == 0


def test_tf_examples_have_a_feature_an_input(export: tuple[TaskModel, Path], loaded_model: Any) -> None:
    model, folder = export
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))
        for name, text in (("query", b"the ball"), ("candidate", b"a goal"))
    }
    example = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    plain_answers = loaded_model.signatures["serving_default"](**inputs_of(PAIRS[:1]))
    definitions = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    methods = {name: signature.method_name for name, signature in definitions.meta_graphs[0].signature_def.items()}
    if model.task is contract.RANKING:
        answers = loaded_model.signatures["regress"](inputs=tf.constant([example]))
        np.testing.assert_array_equal(answers["outputs"], plain_answers["score"])
        assert methods["regress"] == contract.REGRESS_METHOD
        assert "classify" not in methods
    else:
        answers = loaded_model.signatures["classify"](inputs=tf.constant([example]))
        np.testing.assert_array_equal(answers["scores"], plain_answers["probabilities"])
        assert methods["classify"] == contract.CLASSIFY_METHOD
        assert "regress" not in methods


def test_warm_up_requests_have_every_input(export: tuple[TaskModel, Path]) -> None:
    _, folder = export
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(folder / contract.WARMUP_FILE))]
    requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    sizes = [{name: tensor.tensor_shape.dim[0].size for name, tensor in r.inputs.items()} for r in requests]
    assert sizes == [{"query": count, "candidate": count} for count in (3, 1, 1, 1)]
    words = [len(tf.make_ndarray(request.inputs["query"])[0].split()) for request in requests[1:]]
    assert words == [1, 3, 16]


def test_the_card_says_how_to_call_it(export: tuple[TaskModel, Path]) -> None:
    model, folder = export
    card = (folder / "README.md").read_text()
    facts = json.loads((folder / contract.METADATA_FILE).read_text())
    assert facts["task"] == model.task.name
    if model.task is contract.RANKING:
        assert facts["labels"] == []
        assert all(part in card for part in ("client.rank(", "a score from 0 to 1", "a better fit"))
    else:
        assert facts["labels"] == ["0", "1"]
        assert all(part in card for part in ("client.classify_pairs(", "one of 2 labels: `0`, `1`"))


def test_the_call_over_rest_on_the_card_is_answered(export: tuple[TaskModel, Path], tmp_path: Path) -> None:
    model, folder = export
    shutil.copytree(folder, tmp_path / "toy" / "1")
    ((body, url),) = re.findall(r"curl -d '(.*)' (.*)", (folder / "README.md").read_text())
    assert "/models/toy/labels/stable:" in url
    LabelStore.open(tmp_path).set_label("toy", STABLE, 1, "promote", expected=None)
    with running_server(tmp_path, settings=ServerSettings(port=0, rest_api_port=0)) as server:
        answers = [
            json.load(urlopen(address.replace("8501", str(server.rest_port)), body.encode()))
            for address in (url, url.replace("/labels/stable", ""))
        ]
    assert answers[0] == answers[1]
    (result,) = answers[0]["results"]
    outputs = model.predict_text(inputs_of([("a query", "a candidate")]))
    scores = [score for _, score in result] if isinstance(result, list) else result
    np.testing.assert_allclose(scores, numbers(outputs)[0], atol=TOLERANCE)


def test_a_model_that_answers_otherwise_is_not_passed(export: tuple[TaskModel, Path]) -> None:
    model, folder = export
    head = model.network.get_layer("logits")
    bias = head.bias.numpy()
    shift = np.zeros_like(bias)
    shift[0] = 0.5
    head.bias.assign(bias + shift)
    try:
        with pytest.raises(ExportError, match="on the text 'the ball → a goal'; nothing was published"):
            verify(folder, model, PAIRS[:1], max_length=16)
    finally:
        head.bias.assign(bias)
