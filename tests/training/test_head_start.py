"""A training by steps that begins with a fitted output layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.test_head_trainer import Watcher
from tests.training.test_loop import table
from tfapp.config import ModelSettings, TrainingSettings
from tfapp.errors import SettingsError
from tfapp.models import TaskModel
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import build_model
from tfapp.training import RunFolder, make_strategy, tokenize_split, train
from tfapp.training.class_evaluator import ClassEvaluator
from tfapp.training.head_solver import DEFAULT_PENALTY, HeadSolver

TOPICS = ["money", "sport", "tech"]


def build(preset: Path) -> TaskModel:
    keras.utils.set_random_seed(3)
    return build_model("classification", ModelSettings(preset=str(preset), max_length=16, pooling="mean"), TOPICS)


def run(model: TaskModel, folder: Path, **changes: Any) -> Watcher:
    watcher = Watcher()
    (folder / "model").mkdir(parents=True, exist_ok=True)
    train(
        model,
        make_strategy("none"),
        train_split=tokenize_split(model, table(0, 40)),
        dev_split=tokenize_split(model, table(40, 60)),
        settings=TrainingSettings(**{"batch_size": 8, "head_start": "fitted", "checkpoint_steps": 1} | changes),
        folder=RunFolder(folder),
        evaluate=ClassEvaluator().fit_and_evaluate,
        observers=(watcher,),
    )
    return watcher


def test_the_first_evaluation_is_that_of_a_fitted_head(shallow_preset: Path, tmp_path: Path) -> None:
    model = build(shallow_preset)
    train_split, dev_split = (tokenize_split(model, table(*rows)) for rows in ((0, 40), (40, 60)))
    features = [
        model.features(tf.RaggedTensor.from_row_splits(split.texts.ids, split.texts.splits)).numpy()
        for split in (train_split, dev_split)
    ]
    fit = HeadSolver(model, features[0], train_split.targets)
    fit.fit(DEFAULT_PENALTY)
    expected = ClassEvaluator().evaluate(model, fit.logits(features[1]), dev_split)
    events = run(build(shallow_preset), tmp_path, epochs=1, learning_rate=1e-6).fits
    assert [event.epoch for event in events] == [0, 1]
    assert events[0].dev.loss == pytest.approx(expected.loss, abs=1e-3)
    assert events[0].dev.main_score == pytest.approx(expected.main_score)


@pytest.mark.slow
def test_a_run_that_goes_on_does_not_fit_again(shallow_preset: Path, tmp_path: Path) -> None:
    model, killed_model = build(shallow_preset), build(shallow_preset)
    run(model, tmp_path / "whole", epochs=2, learning_rate=1e-3)
    schedule = {"epochs": 2, "learning_rate": 1e-3}
    error = RuntimeError("killed")

    class Killer(Watcher):
        def on_progress(self, step: int) -> None:
            if step == 7:
                raise error

    (tmp_path / "cut" / "model").mkdir(parents=True)
    arguments: dict[str, Any] = {
        "settings": TrainingSettings(batch_size=8, head_start="fitted", checkpoint_steps=1, **schedule),
        "folder": RunFolder(tmp_path / "cut"),
        "evaluate": ClassEvaluator().fit_and_evaluate,
    }
    splits = {
        "train_split": tokenize_split(killed_model, table(0, 40)),
        "dev_split": tokenize_split(killed_model, table(40, 60)),
    }
    with pytest.raises(RuntimeError, match="killed"):
        train(killed_model, make_strategy("none"), **splits, **arguments, observers=(Killer(),))
    resumed_model = build(shallow_preset)
    train(resumed_model, make_strategy("none"), **splits, **arguments)
    for weight, expected in zip(model.network.get_weights(), resumed_model.network.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "complains"),
    [
        ({"task": "tagging"}, "cannot be fitted to tagging by a bert"),
        ({"model": {"kind": "lstm"}}, "cannot be fitted to classification by a lstm"),
        ({"model": {"focal_gamma": 2.0}}, "there is no single best output layer"),
        ({"training": {"head_start": "fitted", "adapt": "head"}}, "say the same twice"),
        (
            {"training": {"head_start": "fitted", "method": "few-shot"}},
            "a contrastive method, which fits the output layer at its end",
        ),
        ({"distillation": {"teacher": "runs/a"}}, "the section distillation exclude each other"),
    ],
)
def test_settings_that_do_not_go_with_it_are_named(changes: dict[str, Any], complains: str) -> None:
    values = {"name": "x", "data": {"train": "x"}, "training": {"head_start": "fitted"}}
    with pytest.raises(SettingsError, match=f"training.head_start fitted .*{complains}"):
        parse_experiment(values | changes)
