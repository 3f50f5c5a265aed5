"""Tests what trainings on one frozen BERT share: token ids and vectors, keyed by what they depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.test_head_trainer import build
from tests.training.test_loop import table
from tfapp.config import TrainingSettings
from tfapp.core.shared_arrays import SharedArrays
from tfapp.models import TaskModel
from tfapp.tasks.registry import find_task
from tfapp.training import RunFolder, StepPrecision, make_strategy, tokenize_split, train
from tfapp.training.features import share_features


class Unreadable:
    """A frozen model that reads nothing."""

    def __init__(self, model: TaskModel) -> None:
        self.head = model.head
        self.shards = 1

    def features(self, *_: Any) -> None:
        raise AssertionError("the texts are read again")


def fit(model: TaskModel, folder: Path, shared: SharedArrays | None, frozen: Any = None, **settings: Any) -> np.ndarray:
    """Trains a model; returns the output layer that was kept."""
    run = RunFolder(folder)
    run.model.mkdir(parents=True)
    model.preprocessor.shared = shared
    train(
        model,
        make_strategy("none"),
        train_split=tokenize_split(model, table(0, 21)),
        dev_split=tokenize_split(model, table(21, 30)),
        settings=TrainingSettings(**{"adapt": "head", "batch_size": 8} | settings),
        folder=run,
        evaluate=find_task("classification").evaluator().fit_and_evaluate,
        frozen=frozen,
        shared=shared,
    )
    return np.asarray(model.head.kernel)


@pytest.mark.parametrize(
    "settings",
    [{}, pytest.param({"adapt": "all", "head_start": "fitted", "epochs": 1}, marks=pytest.mark.slow)],
    ids=["head", "head start"],
)
def test_a_second_training_reads_no_text_and_ends_the_same(
    settings: dict[str, Any], shallow_preset: Path, tmp_path: Path
) -> None:
    expected = fit(build(shallow_preset, dropout=0.0), tmp_path / "alone", None, **settings)
    shared = SharedArrays(tmp_path / "shared", tmp_path)
    first = fit(build(shallow_preset, dropout=0.0), tmp_path / "first", shared, **settings)
    model = build(shallow_preset, dropout=0.0)
    repeat = fit(model, tmp_path / "again", shared, Unreadable(model), **settings)
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(repeat, expected)


def test_vectors_are_shared_by_what_they_depend_on(shallow_preset: Path, tmp_path: Path) -> None:
    shared = SharedArrays(tmp_path / "shared", tmp_path)
    readings: list[int] = []

    def reads(rows: int = 9, batch_size: int = 8, learns: bool = False, **changes: Any) -> bool:
        """Returns whether the vectors of a model are read, and not found."""
        model = build(shallow_preset, **changes)
        if learns:
            weight = model.backbone.weights[0]
            weight.assign(weight + 1)
        model.preprocessor.shared = shared
        split = tokenize_split(model, table(0, rows))

        def read() -> np.ndarray:
            readings.append(rows)
            return np.zeros((rows, 32), np.float32)

        count = len(readings)
        share_features(shared, model, split, read, precision=StepPrecision(), batch_size=batch_size)
        return len(readings) > count

    assert reads()
    assert not reads()
    assert not reads(dropout=0.3)
    assert reads(pooling="max")
    assert reads(rows=10)
    assert reads(batch_size=4)
    assert reads(max_length=6)
    # Of 9 and of 10 rows, and of 9 cut shorter.
    assert len(list(shared.folder.glob("tokens-*.npz"))) == 3
    assert reads(learns=True)
