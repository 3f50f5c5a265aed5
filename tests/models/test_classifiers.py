"""Both classifiers: targets, losses and answers, saving, padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight
from tfapp_client import contract

from tfapp.config import ModelSettings
from tfapp.errors import ModelError
from tfapp.models import TaskModel, TextClassifier
from tfapp.models.unknown import Unknown
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model, load_model

LABELS = ["money", "sport", "tech"]
TEXTS = ["the ball", "", "bank price stock tax trade profit bank price"]


def build(preset: Path, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    settings = ClassificationModelSettings(preset=str(preset), max_length=16, **changes)
    return build_model("classification", settings, LABELS)


def logits_of(model: TaskModel, texts: list[str]) -> np.ndarray:
    return model.logits(model.preprocessor(tf.constant(texts, tf.string))).numpy()


VARIANTS: list[dict[str, Any]] = [
    {},
    {"pooling": "mean"},
    {"pooling": "max"},
    {"multi_label": True},
    {"kind": "lstm"},
    {"kind": "lstm", "multi_label": True},
]


@pytest.fixture(scope="module", params=VARIANTS, ids=str)
def model(request: pytest.FixtureRequest, shallow_preset: Path) -> TaskModel:
    return build(shallow_preset, **request.param)


def test_padding_changes_nothing(model: TaskModel) -> None:
    batch_logits = logits_of(model, TEXTS)
    rows = np.concatenate([logits_of(model, [text]) for text in TEXTS])
    np.testing.assert_allclose(batch_logits, rows, atol=1e-5)
    assert batch_logits.dtype == np.float32


def test_saving_keeps_the_answers(model: TaskModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    np.testing.assert_array_equal(logits_of(loaded_model, TEXTS), logits_of(model, TEXTS))
    assert loaded_model.labels == tuple(LABELS)
    assert not list(tmp_path.glob(".*"))


def test_answers_fulfil_the_contract(model: TaskModel) -> None:
    answers = model.answers(tf.constant(logits_of(model, TEXTS)))
    for spec in contract.CLASSIFICATION.outputs:
        if spec.name in answers:
            assert answers[spec.name].dtype.name == spec.dtype
            assert answers[spec.name].shape.rank == spec.rank
            assert answers[spec.name].shape[0] == len(TEXTS)
        else:
            assert spec.optional
    top = answers["probabilities"].numpy().argmax(axis=1)
    assert [LABELS[index].encode() for index in top] == answers["label"].numpy().tolist()


def test_no_texts_give_no_answers(model: TaskModel) -> None:
    assert logits_of(model, []).shape == (0, 3)


@pytest.fixture(scope="module")
def plain_model(shallow_preset: Path) -> TaskModel:
    """Builds a model that tests only read."""
    return build(shallow_preset)


def test_single_label_loss_is_keras_cross_entropy(plain_model: TaskModel) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    targets = plain_model.encode_targets(["tech", "money", "sport", "tech"])
    assert targets.tolist() == [2, 0, 1, 2]
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")(targets, logits)
    np.testing.assert_allclose(plain_model.loss(targets, logits), expected, rtol=1e-5)


def test_rare_labels_count_more_in_the_loss(shallow_preset: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    targets = np.array([0] * 6 + [1] * 3 + [2], np.int32)
    plain_losses = build(shallow_preset).loss(targets, logits).numpy()

    def factors(balance: float) -> np.ndarray:
        model = build(shallow_preset, class_balance=balance)
        model.prepare(targets)
        factors: np.ndarray = model.loss(targets, logits).numpy() / plain_losses
        return factors

    # At 1 as scikit-learn's "balanced", which counts each label alike.
    labels = np.array([0, 1, 2])
    np.testing.assert_allclose(
        factors(1), compute_class_weight("balanced", classes=labels, y=targets)[targets], rtol=1e-4
    )
    quarter = factors(0.25)
    np.testing.assert_allclose(quarter.mean(), 1, rtol=1e-4)
    np.testing.assert_allclose(quarter[[9, 6]] / quarter[0], [6**0.25, 2**0.25], rtol=1e-4)


def test_sure_texts_count_less_in_a_focal_loss(shallow_preset: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    targets = np.array([2, 0, 1, 2], np.int32)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))[np.arange(4), targets]
    expected = -((1 - probabilities) ** 2) * np.log(probabilities)
    np.testing.assert_allclose(build(shallow_preset, focal_gamma=2).loss(targets, logits), expected, rtol=1e-4)


def test_multi_label_loss_and_choice(shallow_preset: Path) -> None:
    model = build(shallow_preset, multi_label=True)
    targets = model.encode_targets([["tech", "money"], []])
    assert targets.tolist() == [[1, 0, 1], [0, 0, 0]]
    logits = np.array([[2.0, -1.0, 0.5], [-3.0, 0.1, 0.0]], np.float32)
    expected = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")(targets, logits)
    np.testing.assert_allclose(model.loss(targets, logits), expected, rtol=1e-5)
    model.thresholds = (0.5, 0.2, 0.9)  # type: ignore[attr-defined]
    choices = model.answers(tf.constant(logits))["chosen"].numpy().tolist()
    assert choices == [[True, True, False], [False, True, False]]


@pytest.mark.parametrize(("multi_label", "labels"), [(False, ["tech", "sprot"]), (True, [["tech"], ["sprot"]])])
def test_a_label_of_others_is_named(shallow_preset: Path, multi_label: bool, labels: list[Any]) -> None:
    with pytest.raises(ModelError, match="'sprot' is none of the model's 3"):
        build(shallow_preset, multi_label=multi_label).encode_targets(labels)


def test_the_head_is_keras_hubs(plain_model: TaskModel) -> None:
    """With the same weights, KerasHub's own BertTextClassifier gives the same logits."""
    assert isinstance(plain_model, TextClassifier)
    classifier = keras_hub.models.BertTextClassifier(backbone=plain_model.backbone, num_classes=3)
    head = plain_model.network.get_layer("logits")
    classifier.get_layer("logits").set_weights(head.get_weights())
    inputs = plain_model.preprocessor.pad(plain_model.preprocessor(tf.constant(TEXTS)))
    np.testing.assert_allclose(classifier(inputs), plain_model.network(inputs), atol=1e-5)


def test_unused_weights_are_not_trained(plain_model: TaskModel, shallow_preset: Path) -> None:
    assert build(shallow_preset, pooling="mean").trainable_weights() < plain_model.trainable_weights()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no trained model there"):
        load_model(tmp_path)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_half_precision_inside_gives_full_precision_logits(shallow_preset: Path, tmp_path: Path, pooling: str) -> None:
    """A model that a GPU trains in mixed_bfloat16 is exported and served in float32, from the same weights."""
    keras.utils.set_random_seed(3)
    settings = ModelSettings(preset=str(shallow_preset), max_length=16, pooling=pooling)  # type: ignore[arg-type]
    half_precision = build_model("classification", settings, LABELS, dtype="mixed_bfloat16")
    logits = logits_of(half_precision, TEXTS)
    assert logits.dtype == np.float32
    assert {weight.dtype for weight in half_precision.network.weights} == {"float32"}
    half_precision.save(tmp_path)
    np.testing.assert_allclose(logits_of(load_model(tmp_path), TEXTS), logits, atol=0.05)


def build_with_unknown(preset: Path, **unknown: Any) -> TextClassifier:
    model = build(preset)
    assert isinstance(model, TextClassifier)
    model.unknown = Unknown("none", **unknown)
    return model


@pytest.mark.parametrize(("by", "taught"), [("distance", False), ("energy", True)])
def test_only_energy_is_taught_by_texts_of_no_label(shallow_preset: Path, by: str, taught: bool) -> None:
    logits = np.array([[1.0, 2.0, 0.5]] * 2, np.float32)
    losses = build_with_unknown(shallow_preset, by=by).loss(tf.constant([0, -1]), tf.constant(logits)).numpy()
    assert losses[0] == pytest.approx(np.log(np.exp(logits[0]).sum()) - 1.0)
    assert bool(losses[1] > 0) is taught


@pytest.mark.parametrize("by", ["distance", "guidance", "boundary"])
def test_saving_keeps_what_distances_are_measured_to(shallow_preset: Path, tmp_path: Path, by: str) -> None:
    references = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    radii = np.arange(5, dtype=np.float32) / 4 if by == "boundary" else None
    model = build_with_unknown(shallow_preset, by=by, limit=0.5, scale=0.5, references=references, radii=radii)
    model.save(tmp_path)
    loaded_model = load_model(tmp_path)
    assert loaded_model.unknown == model.unknown
    logits = tf.constant(logits_of(model, TEXTS))
    np.testing.assert_array_equal(loaded_model.answers(logits)["unknown_score"], model.answers(logits)["unknown_score"])
    assert len(set(loaded_model.answers(logits)["unknown_score"].numpy())) == len(TEXTS)
