"""Tests the evaluator of classes from logits to scores; thresholds are fitted on dev and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.evaluators import evaluate, fit_and_evaluate
from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.tasks.models import build_model
from tfapp.training import tokenize_split

LABELS = ["money", "sport", "tech"]


def build(preset: Path, **changes: Any) -> TaskModel:
    return build_model("classification", ModelSettings(preset=str(preset), max_length=16, **changes), LABELS)


def side_of(model: TaskModel, labels: list[Any]) -> Any:
    count = len(labels)
    rows = pa.array(range(100, 100 + count), pa.int64())
    return tokenize_split(model, pa.table({"text": [f"text {n}" for n in range(count)], "label": labels, "row": rows}))


@pytest.fixture(scope="module")
def single_label_model(shallow_preset: Path) -> TaskModel:
    return build(shallow_preset)


def test_classes_are_judged_by_the_highest_logit(single_label_model: TaskModel) -> None:
    side = side_of(single_label_model, ["sport", "tech", "money", "sport"])
    logits = np.array([[0, 5, 0], [0, 0, 5], [5, 0, 0], [0, 1, 3]], np.float32)
    evaluation = evaluate(single_label_model, logits, side)
    assert (evaluation.accuracy, evaluation.count, evaluation.labels) == (0.75, 4, tuple(LABELS))
    (mistake,) = evaluation.mistakes
    assert (mistake.truth, mistake.predicted, mistake.row, mistake.text) == (("sport",), ("tech",), 103, "text 3")
    assert mistake.probability == pytest.approx(np.exp(3) / (1 + np.e + np.exp(3)), rel=1e-5)
    assert fit_and_evaluate(single_label_model, logits, side) == evaluation


def test_thresholds_are_fitted_on_dev_and_used_after(shallow_preset: Path) -> None:
    model = build(shallow_preset, multi_label=True)
    side = side_of(model, [["sport"], ["sport", "tech"], [], ["money"]])
    # Logits all under 0: at 0.5 nothing would be chosen, yet each label has a place where it is told apart.
    logits = np.array([[-9, -2, -9], [-9, -2, -3], [-9, -6, -9], [-4, -6, -9]], np.float32)
    assert evaluate(model, logits, side).main_score == 0.0
    evaluation = fit_and_evaluate(model, logits, side)
    assert (evaluation.main_score, evaluation.main_name, evaluation.accuracy) == (1.0, "micro F1", 1.0)
    assert all(threshold < 0.5 for threshold in model.thresholds)
    assert evaluate(model, logits, side) == evaluation
    # Another side does not move them.
    thresholds = model.thresholds
    evaluate(model, -logits, side)
    assert model.thresholds == thresholds
