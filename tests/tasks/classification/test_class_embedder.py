"""The embedder on a classifier's weights, and its loss against its definition written as loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_contrast import unit_vectors
from tfapp.tasks.classification.class_embedder import ClassEmbedder, class_losses
from tfapp.tasks.classification.model import WindowClassifier
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model

TEXTS = ["the ball", ""]


@pytest.mark.parametrize("places", [1, 2])
def test_texts_of_a_class_find_each_other(places: int) -> None:
    classes = np.array([0, 1, 0, -1, 1, -1, 2], np.int32)
    vectors = unit_vectors(1, len(classes), places, 4)
    flat, row_classes = vectors.reshape(-1, 4), np.repeat(classes, places)
    losses: list[Any] = []
    for at in range(len(row_classes)):
        other_rows = [other for other in range(len(row_classes)) if other != at]
        scores = {other: float(flat[at] @ flat[other]) / 0.3 for other in other_rows}
        positives = [other for other in other_rows if row_classes[other] == row_classes[at] >= 0]
        total = np.logaddexp.reduce(list(scores.values()))
        losses.append(np.mean([total - scores[other] for other in positives]) if positives else 0.0)
    expected = np.mean(np.reshape(losses, (-1, places)), axis=1)
    np.testing.assert_allclose(class_losses(vectors, classes, 0.3), expected, rtol=1e-4, atol=1e-5)


def test_a_text_alone_has_a_loss_that_is_a_number() -> None:
    assert np.isfinite(class_losses(unit_vectors(2, 1, 1, 4), np.array([0], np.int32), 0.05)).all()


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_it_shares_the_weights_of_a_classifier_and_reads_as_its_head_does(shallow_preset: Path, pooling: str) -> None:
    settings = ClassificationModelSettings(
        preset=str(shallow_preset), max_length=40, window=8, pooling=pooling, temperature=0.2
    )
    classifier = build_model("classification", settings, ["a", "b"])
    assert isinstance(classifier, WindowClassifier)
    embedder = ClassEmbedder.on(classifier)
    assert embedder.temperature == 0.2
    features = classifier.features(classifier.preprocessor(tf.constant(TEXTS))).numpy()
    embeddings = embedder.predict_text({"text": tf.constant(TEXTS)})["embedding"]
    expected = features / np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    weights = {id(weight) for weight in classifier.network.trainable_weights}
    assert {id(weight) for weight in embedder.network.trainable_weights} < weights
    # A text in windows is cut behind the first.
    assert embedder.preprocessor.max_length == 8
