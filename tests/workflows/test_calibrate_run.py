"""The best weights are calibrated by what their evaluator fits to rows that they did not learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tfapp.config import ModelSettings
from tfapp.models import TaskModel
from tfapp.models.temperature_scaling import TemperatureScaling
from tfapp.tasks.models import build_model
from tfapp.training import RunFolder, TokenizedSplit, tokenize_split
from tfapp.training.temperature_fit import fit_class_temperature
from tfapp.workflows.calibrate_run import calibrate


def split_of(model: TaskModel, labels: list[Any]) -> TokenizedSplit:
    rows = pa.array(range(len(labels)), pa.int64())
    texts = [f"ball {number % 7} bank" for number in range(len(labels))]
    return tokenize_split(model, pa.table({"text": texts, "label": labels, "row": rows}))


def build(preset: Path, task: str = "classification", **changes: Any) -> TaskModel:
    return build_model(task, ModelSettings(preset=str(preset), max_length=16, **changes), ["0", "1"])


def test_a_model_is_given_what_its_evaluator_fits(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset)
    train, split = split_of(model, ["0", "1", "1"] * 50), split_of(model, ["0", "1"] * 60)
    assert calibrate(model, RunFolder(tmp_path), train, split, temperatures=True)
    assert model.calibration is not None
    assert (model.calibration.rows, model.calibration.reason) == (120, "")
    assert model.calibration.temperatures != (1.0,)
    held_out = np.random.default_rng(0).normal(scale=9, size=(150, 2)).astype(np.float32)
    np.save(RunFolder(tmp_path).held_out, held_out)
    assert calibrate(model, RunFolder(tmp_path), train, split, temperatures=True)
    assert model.calibration == TemperatureScaling((fit_class_temperature(held_out, train.targets),), 150, "")
    assert calibrate(model, RunFolder(tmp_path), train, split, temperatures=False)
    assert (model.calibration.temperatures, model.calibration.reason) == ((1.0,), "training.calibrate is false")


def test_a_model_that_answers_no_probabilities_is_left_alone(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset, "ranking")
    split = split_of(build(shallow_preset), ["0", "1"] * 60)
    assert not calibrate(model, RunFolder(tmp_path), split, split, temperatures=True)
