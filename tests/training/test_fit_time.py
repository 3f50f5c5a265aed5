"""The estimate of the time of an output layer's fits, against what fits evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.test_head_trainer import build, made_features
from tests.training.test_loop import table
from tfapp.tasks.classification.settings import ClassificationTrainingSettings
from tfapp.training import count_row_evaluations, measure_row_evaluation, tokenize_split
from tfapp.training.head_solver import PENALTIES, HeadSolver, cross_validate

HEAD = {"adapt": "head"}
FOLDS = HEAD | {"head_penalty": "cross-validation"}


def count(train: int = 100, dev: int = 20, **settings: Any) -> float:
    return count_row_evaluations(ClassificationTrainingSettings(**settings), train, dev)


def test_only_trainings_that_fit_an_output_layer_count() -> None:
    one = count(dev=0, **HEAD)
    assert count() == 0
    assert count(head_start="fitted") == one > 0
    assert count(**HEAD) > 2 * one
    assert count(method="few-shot") == count(**HEAD)
    # Without a training by contrast before them, folds may choose.
    assert count(method="few-shot", epochs=0, head_penalty="cross-validation") == count(**FOLDS)
    assert count(train=1000, dev=200, **FOLDS) == pytest.approx(10 * count(**FOLDS))


class Counted(HeadSolver):
    """A fit that counts the rows that it evaluates."""

    rows = 0

    def evaluate(self, weights: np.ndarray, penalty: float) -> tuple[float, np.ndarray]:
        Counted.rows += len(self._features)
        return super().evaluate(weights, penalty)


@pytest.mark.parametrize("folds", [True, False])
def test_the_count_is_about_what_fits_evaluate(
    shallow_preset: Path, monkeypatch: pytest.MonkeyPatch, folds: bool
) -> None:
    features, scores = made_features(3)
    targets = scores.argmax(axis=1).astype(np.int32)
    model = build(shallow_preset)
    monkeypatch.setattr("tfapp.training.head_solver.HeadSolver", Counted)
    Counted.rows = 0
    if folds:
        penalty, _ = cross_validate(model, features, targets, seed=0)
        Counted(model, features, targets).fit(penalty)
    else:
        fit = Counted(model, features, targets)
        for penalty in PENALTIES[:7]:
            fit.fit(penalty)
    expected = count(len(features), 0, **FOLDS) if folds else count(len(features), 1, **HEAD)
    assert expected / 4 < Counted.rows < 4 * expected


def test_measuring_changes_no_weight(shallow_preset: Path) -> None:
    model = build(shallow_preset)
    before = model.head.get_weights()
    assert measure_row_evaluation(model, tokenize_split(model, table(0, 21))) > 0
    for weights, after in zip(before, model.head.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, after)
