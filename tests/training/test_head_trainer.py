"""The head's fit, held against scikit-learn's; the features, against the network's own logits."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score

from tests.training.test_loop import table
from tfapp.config import TrainingSettings
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel
from tfapp.tasks.classification.settings import ClassificationModelSettings
from tfapp.tasks.models import build_model, load_model
from tfapp.training import EpochEvent, RunFolder, StepPrecision, make_strategy, tokenize_split, train
from tfapp.training.features import FeatureReader, FeatureStore
from tfapp.training.head_solver import PENALTIES, HeadSolver, cross_validate

TOPICS = ["money", "sport", "tech"]


def build(preset: Path, labels: list[str] = TOPICS, **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    settings = ClassificationModelSettings(preset=str(preset), **{"max_length": 16, "pooling": "mean"} | changes)
    return build_model("classification", settings, labels)


def made_features(classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Features far from the origin and of unequal spread, and targets that they tell roughly."""
    random = np.random.default_rng(0)
    features = random.normal(size=(120, 32)) * random.uniform(0.1, 3, 32) + 2
    scores = features @ random.normal(size=(32, classes)) + random.normal(size=(120, classes)) * 4
    return features.astype(np.float32), scores


def in_sklearn(features: np.ndarray, targets: np.ndarray, penalty: float) -> tuple[np.ndarray, np.ndarray]:
    size = np.sqrt(np.mean(np.sum(np.square(features), axis=1)))
    regression = LogisticRegression(C=1 / penalty, tol=1e-9, max_iter=10000).fit(features / size, targets)
    return regression.coef_.T / size, regression.intercept_


@pytest.mark.parametrize("penalty", [1.0, 0.1])
def test_one_label_is_a_logistic_regression(shallow_preset: Path, penalty: float) -> None:
    model = build(shallow_preset)
    features, scores = made_features(3)
    targets = scores.argmax(axis=1).astype(np.int32)
    HeadSolver(model, features, targets).fit(penalty)
    kernel, bias = in_sklearn(features, targets, penalty)
    np.testing.assert_allclose(model.head.kernel.numpy(), kernel, atol=2e-3)
    np.testing.assert_allclose(model.head.bias.numpy(), bias, atol=2e-2)


def test_several_labels_are_one_logistic_regression_each(shallow_preset: Path) -> None:
    model = build(shallow_preset, multi_label=True)
    features, scores = made_features(3)
    targets = (scores > scores.mean(axis=0)).astype(np.float32)
    # The loss is the mean over the labels, so a third of the penalty is as strong.
    HeadSolver(model, features, targets).fit(0.1 / 3)
    for column in range(3):
        kernel, bias = in_sklearn(features, targets[:, column], 0.1)
        np.testing.assert_allclose(model.head.kernel.numpy()[:, column], kernel[:, 0], atol=2e-3)
        np.testing.assert_allclose(model.head.bias.numpy()[column], bias[0], atol=2e-2)


def test_a_fit_does_not_depend_on_where_it_starts(shallow_preset: Path) -> None:
    features, scores = made_features(3)
    targets = scores.argmax(axis=1).astype(np.int32)
    first_model, second_model = build(shallow_preset), build(shallow_preset)
    HeadSolver(first_model, features, targets).fit(0.1)
    fit = HeadSolver(second_model, features, targets)
    for penalty in (10.0, 0.001, 0.1):
        fit.fit(penalty)
    np.testing.assert_allclose(first_model.head.kernel.numpy(), second_model.head.kernel.numpy(), atol=2e-3)


def test_features_that_are_no_numbers_are_named(shallow_preset: Path) -> None:
    with pytest.raises(TrainingError, match=r"use training\.precision float32"):
        HeadSolver(build(shallow_preset), np.full((3, 32), np.nan, np.float32), np.zeros(3, np.int32))


@pytest.mark.parametrize(
    "changes", [{}, {"pooling": "cls"}, {"pooling": "max"}, {"max_length": 60, "window": 6}, {"window": 16}], ids=str
)
def test_the_head_of_the_features_is_the_logits(shallow_preset: Path, changes: dict[str, Any]) -> None:
    model = build(shallow_preset, **changes)
    texts = tf.constant(["the ball", "", "bank price stock tax trade profit bank price the ball goal team bank price"])
    ids = model.preprocessor(texts)
    np.testing.assert_allclose(model.head(model.features(ids)), model.logits(ids), atol=1e-5)
    assert model.features(ids).dtype == tf.float32
    assert model.features(ids[:0]).shape == (0, 32)


@pytest.fixture(scope="module", params=[1, 2], ids=lambda replicas: f"{replicas} replicas")
def model_and_reader(
    request: pytest.FixtureRequest, shallow_preset: Path, two_devices: list[str]
) -> tuple[TaskModel, FeatureReader]:
    """A model and its reader, compiled once."""
    strategy = make_strategy("mirrored", devices=two_devices) if request.param == 2 else make_strategy("none")
    with strategy.scope():
        model = build(shallow_preset)
    return model, FeatureReader(model, strategy, 8)


@pytest.mark.parametrize("count", [0, 3, 8, 21])
def test_every_text_s_features_are_in_its_row(model_and_reader: tuple[TaskModel, FeatureReader], count: int) -> None:
    model, reader = model_and_reader
    side = tokenize_split(model, table(0, count))
    steps: list[int] = []
    features = reader.read(
        side, earlier=[], scope=StepPrecision().scope, on_step=lambda chunk: steps.append(len(chunk))
    )
    assert steps == list(range(1, reader.steps(side) + 1))
    assert features.shape == (count, 32)
    if count:
        expected = model.features(model.preprocessor(tf.constant(list(side.raw_texts))))
        np.testing.assert_allclose(features, expected, atol=1e-5)


def test_what_was_read_before_is_not_read_again(model_and_reader: tuple[TaskModel, FeatureReader]) -> None:
    model, reader = model_and_reader
    side = tokenize_split(model, table(0, 21))
    parts: list[np.ndarray] = []

    def read(earlier: list[np.ndarray], chunks: list[np.ndarray]) -> np.ndarray:
        return reader.read(
            side, earlier=earlier, scope=StepPrecision().scope, on_step=lambda chunk: chunks.append(chunk[-1])
        )

    features = read([], parts)
    rest: list[np.ndarray] = []
    np.testing.assert_array_equal(read([np.concatenate(parts[:2])], rest), features)
    assert len(rest) == 1
    np.testing.assert_array_equal(read(parts, rest), features)
    assert len(rest) == 1


def test_kept_features_come_back_in_order_and_damaged_ones_are_named(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features")
    assert store.load() == []
    for number in range(12):
        store.add(number, np.full((2, 3), number, np.float32))
    assert [int(part[0, 0]) for part in store.load()] == list(range(12))
    assert len(list(store.folder.iterdir())) == 12
    (store.folder / "000003.npy").write_bytes(b"half")
    with pytest.raises(TrainingError, match=r"000003\.npy: .* without --resume"):
        store.load()


class Watcher:
    """Keeps the fits, or epochs, that it is told of."""

    def __init__(self) -> None:
        self.fits: list[EpochEvent] = []

    def on_start(self, step: int, total_steps: int) -> None: ...

    def on_progress(self, step: int) -> None: ...

    def on_step(self, event: Any) -> None: ...

    def on_epoch(self, event: EpochEvent) -> None:
        self.fits.append(event)


@pytest.mark.parametrize(("patience", "fits"), [(None, 6), (1, 3), (9, 9)])
def test_the_dev_loss_chooses_the_penalty(
    shallow_preset: Path, tmp_path: Path, patience: int | None, fits: int
) -> None:
    """The scores, which would choose the first fit, have no part in it."""
    losses = [3.0, 2.0, 2.5, 1.0, 1.5, 1.25, 1.75, 2.0, 0.5][:fits]
    evaluations = iter(
        [cast("Any", SimpleNamespace(loss=loss, main_score=0.1 * loss, lower_is_better=False)) for loss in losses]
    )
    model, watcher = build(shallow_preset), Watcher()
    folder = RunFolder(tmp_path)
    folder.model.mkdir()
    kernels: list[np.ndarray] = []

    def evaluate(model: TaskModel, *_: Any) -> Evaluation:
        kernels.append(model.head.kernel.numpy())
        return next(evaluations)

    state = train(
        model,
        make_strategy("none"),
        train_split=tokenize_split(model, table(0, 21)),
        dev_split=tokenize_split(model, table(21, 30)),
        settings=TrainingSettings(adapt="head", batch_size=8, patience=patience),
        folder=folder,
        evaluate=evaluate,
        observers=(watcher,),
    )
    assert [fit.penalty for fit in watcher.fits] == list(PENALTIES[:fits])
    assert [fit.best for fit in watcher.fits] == [loss == min(losses[: n + 1]) for n, loss in enumerate(losses)]
    # 21 texts and 9 in batches of 8, then the fits.
    assert [fit.step for fit in watcher.fits] == list(range(3 + 2 + 1, 3 + 2 + 1 + fits))
    assert (state.epoch, state.best_loss) == (fits, min(losses))
    best = kernels[int(np.argmin(losses))]
    np.testing.assert_array_equal(load_model(folder.model).head.kernel.numpy(), best)


@pytest.mark.parametrize("spread", [pytest.param(0.5, marks=pytest.mark.slow), 40])
def test_cross_validation_chooses_as_a_logistic_regression_s_would(shallow_preset: Path, spread: float) -> None:
    model = build(shallow_preset)
    features, scores = made_features(3)
    noise = np.random.default_rng(1).normal(size=scores.shape)
    targets = (scores - scores.mean(axis=0) + spread * noise).argmax(axis=1).astype(np.int32)
    fits: list[None] = []
    penalty, held_out = cross_validate(model, features, targets, seed=0, on_fit=lambda: fits.append(None))
    losses = [
        -cross_val_score(
            LogisticRegression(C=1 / penalty, max_iter=1000),
            features / np.sqrt(np.mean(np.sum(np.square(features), axis=1))),
            targets,
            scoring="neg_log_loss",
            cv=StratifiedKFold(5, shuffle=True, random_state=0),
        ).mean()
        for penalty in PENALTIES
    ]
    # Other folds than ours: the neighbours of the best may win.
    assert losses[PENALTIES.index(penalty)] <= min(losses) + 0.02
    assert len(fits) % 5 == 0
    # Each row's logits are of a fit without the row.
    loss = float(np.mean(model.loss(tf.constant(targets), tf.constant(held_out))))
    assert loss == pytest.approx(losses[PENALTIES.index(penalty)], abs=0.1)


@pytest.mark.slow
def test_after_cross_validation_dev_is_evaluated_and_then_learnt(shallow_preset: Path, tmp_path: Path) -> None:
    model, watcher = build(shallow_preset), Watcher()
    folder = RunFolder(tmp_path)
    folder.model.mkdir()
    train_split, dev_split = tokenize_split(model, table(0, 21)), tokenize_split(model, table(21, 30))
    batches: list[np.ndarray] = []

    def evaluate(model: TaskModel, logits: np.ndarray, _: Any) -> Evaluation:
        batches.append(logits)
        return cast("Any", SimpleNamespace(loss=1.0, main_score=0.5, lower_is_better=False))

    train(
        model,
        make_strategy("none"),
        train_split=train_split,
        dev_split=dev_split,
        settings=TrainingSettings(adapt="head", batch_size=8, head_penalty="cross-validation"),
        folder=folder,
        evaluate=evaluate,
        observers=(watcher,),
    )
    [fit] = watcher.fits
    assert fit.penalty is not None
    features = {
        name: model.features(model.preprocessor(tf.constant(split.raw_texts))).numpy()
        for name, split in (("train", train_split), ("dev", dev_split))
    }
    HeadSolver(model, features["train"], train_split.targets).fit(fit.penalty)
    [logits] = batches
    np.testing.assert_allclose(model.head(features["dev"]), logits, atol=2e-3)
    targets = np.concatenate([train_split.targets, dev_split.targets])
    HeadSolver(model, np.concatenate([features["train"], features["dev"]]), targets).fit(fit.penalty)
    np.testing.assert_allclose(load_model(folder.model).head.kernel.numpy(), model.head.kernel.numpy(), atol=1e-2)
