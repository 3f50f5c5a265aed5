"""Small models of pairs of texts, and what each of them must do, of whichever task it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tfapp_client import contract

from tfapp.models import TaskModel
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.registry import find_task

PAIRS = [("the ball", "a goal"), ("", ""), ("bank", "price stock tax trade profit bank price stock tax trade")]


def build_pair_model(preset: Path, task: str, labels: list[str], **changes: Any) -> TaskModel:
    keras.utils.set_random_seed(3)
    model = build_model(task, find_task(task).settings.model(preset=str(preset), max_length=16, **changes), labels)
    # Random weights say the same of every text; wider ones tell texts apart.
    for weight in model.network.trainable_weights:
        if weight.name == "kernel":
            weight.assign(weight * 8)
    return model


def pair_logits(model: TaskModel, pairs: list[tuple[str, str]]) -> np.ndarray:
    columns = (tf.constant([pair[place] for pair in pairs], tf.string) for place in range(2))
    return model.logits(model.preprocessor(*columns)).numpy()


class PairModelTests:
    """Tests of any model of pairs; a sub-class is in a module that has the fixture `model`."""

    def test_padding_changes_nothing_and_texts_do(self, model: TaskModel) -> None:
        rows = np.concatenate([pair_logits(model, [pair]) for pair in PAIRS])
        np.testing.assert_allclose(pair_logits(model, PAIRS), rows, atol=1e-5)
        score, swapped_score = pair_logits(model, [("ball goal", "tax"), ("tax", "ball goal")])
        assert not np.allclose(score, swapped_score, atol=1e-3)

    def test_saving_keeps_the_answers(self, model: TaskModel, tmp_path: Path) -> None:
        model.save(tmp_path)
        loaded_model = load_model(tmp_path)
        assert type(loaded_model) is type(model)
        np.testing.assert_array_equal(pair_logits(loaded_model, PAIRS), pair_logits(model, PAIRS))
        assert loaded_model.config() == model.config()

    @pytest.mark.parametrize("pairs", [PAIRS, []])
    def test_answers_fulfil_the_contract(self, model: TaskModel, pairs: list[tuple[str, str]]) -> None:
        answers = model.answers(tf.constant(pair_logits(model, pairs)))
        for spec in contract.TASKS[model.task.name].outputs:
            if spec.name in answers:
                assert answers[spec.name].dtype.name == spec.dtype
                assert answers[spec.name].shape.rank == spec.rank
                assert answers[spec.name].shape[0] == len(pairs)
            else:
                assert spec.optional
