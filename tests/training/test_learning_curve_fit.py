"""The learning curve of frozen vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from tests.networks import build
from tests.text_classes import load
from tests.toy import toy_rows
from tfapp.config import DataSettings
from tfapp.evaluation.learning_curve import LearningCurve
from tfapp.training import measure_learning_curve, tokenize_split
from tfapp.training.learning_curve_fit import fit_curve


def _vectors(count: int, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of four classes, whose middles are the same for every seed."""
    middles = np.random.default_rng(0).normal(size=(4, 40))
    random = np.random.default_rng(seed)
    targets = random.integers(0, 4, count)
    return (middles[targets] + noise * random.normal(size=(count, 40))).astype(np.float32), targets


def test_more_texts_pay_where_a_class_needs_them_and_do_not_where_all_is_learnt() -> None:
    hard = fit_curve(*_vectors(160, 1, 4.0), *_vectors(2000, 2, 4.0), train_rows=160)
    easy = fit_curve(*_vectors(160, 1, 0.1), *_vectors(2000, 2, 0.1), train_rows=400)
    assert hard is not None
    assert easy is not None
    assert hard.sizes == easy.sizes == (40, 80, 160)
    assert hard.scores[0] < hard.scores[1] < hard.scores[2]
    assert (hard.pays, easy.pays) == (True, False)
    assert hard.sentence().startswith("More labels pay: from 80 to 160 labelled texts, a logistic regression")
    assert easy.scores == (1.0, 1.0, 1.0)
    assert "not shown to pay: from 80 to 160 labelled texts (the first of 400)" in easy.sentence()
    assert "from 100.0 % to 100.0 % on 2,000 dev texts, +0.0 points (± 0.0 points)" in easy.sentence()


def test_the_last_point_is_a_logistic_regression_on_all() -> None:
    rows = 200
    vectors, targets = _vectors(rows, 1, 3.0)
    dev, truth = _vectors(300, 2, 3.0)
    curve = fit_curve(vectors, targets, dev, truth, train_rows=rows)
    size = np.sqrt(np.mean(np.sum(np.square(vectors), axis=1)))
    expected = LogisticRegression(C=10**1.5, max_iter=200).fit(vectors / size, targets).score(dev / size, truth)
    assert curve is not None
    assert abs(curve.scores[-1] - expected) < 0.005


def test_a_part_of_one_label_has_no_curve() -> None:
    vectors, _ = _vectors(8, 1, 1.0)
    targets = np.array([0] * 7 + [1])
    assert fit_curve(vectors, targets, vectors, targets, train_rows=8) is None


def test_a_text_encoder_is_measured_and_others_are_not(shallow_preset: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in toy_rows(400)))
    splits = load(DataSettings(train=str(file)))
    model = build(shallow_preset, "mean")
    model.labels = splits.labels
    train, dev = tokenize_split(model, splits.train), tokenize_split(model, splits.dev)
    old_weights = [weight.numpy() for weight in model.network.weights]
    strategy = tf.distribute.get_strategy()
    curve = measure_learning_curve(model, train, dev, strategy, 16)
    assert isinstance(curve, LearningCurve)
    assert curve.sizes[-1] == curve.train_rows == splits.train.num_rows
    assert curve.dev_rows == splits.dev.num_rows
    for weight, value in zip(model.network.weights, old_weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    assert measure_learning_curve(model, dev, dev, strategy, 16) is None
    assert measure_learning_curve(build(shallow_preset, "ranking"), train, dev, strategy, 16) is None
