"""Students: which layers they are made of, and how far they are from their teachers."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.toy import toy_rows
from tfapp.models import TaskModel, student_preset
from tfapp.models.classes import soft_binary_loss, soft_class_loss
from tfapp.models.student import chosen_layers
from tfapp.tasks.models import build_model
from tfapp.tasks.registry import find_task

TEXTS = [row["text"] for row in toy_rows(9)]
logits = st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3)


def build(preset: Path, task: str = "classification", **changes: object) -> TaskModel:
    labels = ["0", "2"] if task == "ranking" else ["money", "sport", "tech"]
    return build_model(
        task, find_task(task).settings.model(preset=str(preset), **{"max_length": 32, **changes}), labels
    )


@pytest.mark.parametrize(
    ("large", "small", "layers"),
    [(12, 4, (2, 5, 8, 11)), (6, 3, (1, 3, 5)), (6, 6, (0, 1, 2, 3, 4, 5)), (12, 1, (11,)), (6, 4, (1, 2, 3, 5))],
)
def test_layers_are_spread_evenly(large: int, small: int, layers: tuple[int, ...]) -> None:
    assert chosen_layers(large, small) == layers


@given(st.integers(1, 24), st.integers(1, 24))
def test_any_number_of_layers_is_rising_and_ends_with_the_last(large: int, small: int) -> None:
    small = min(large, small)
    layers = chosen_layers(large, small)
    assert len(set(layers)) == small
    assert list(layers) == sorted(layers)
    assert layers[-1] == large - 1
    assert layers[0] >= 0


def test_a_student_starts_with_its_teacher_s_weights(toy_preset: Path) -> None:
    teacher = build(toy_preset)
    preset = student_preset(teacher, 1, "small")
    assert preset.vocabulary == teacher.preprocessor.vocabulary
    small, large = preset.backbone(), teacher.backbone
    assert (small.num_layers, small.hidden_dim, small.num_heads) == (1, large.hidden_dim, large.num_heads)
    pairs = [(small.transformer_layers[0], large.transformer_layers[1])]
    pairs += [(layer, large.get_layer(layer.name)) for layer in small.layers if "transformer" not in layer.name]
    for layer, source in pairs:
        for weight, expected in zip(layer.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)
    assert len(small.weights) == sum(len(layer.weights) for layer, _ in pairs)


@pytest.mark.parametrize(("task", "changes"), [("classification", {"pooling": "mean"}), ("ranking", {})])
def test_a_trace_has_the_logits_and_what_each_layer_says(toy_preset: Path, task: str, changes: dict[str, str]) -> None:
    model = build(toy_preset, task, **changes)
    ids = model.preprocessor(*[tf.constant(TEXTS)] * len(model.inputs))
    logits, states = model.trace(ids)
    np.testing.assert_array_equal(logits, model.logits(ids))
    inputs = model.pad(ids)
    np.testing.assert_allclose(states[-1], model.backbone(inputs)["sequence_output"], atol=1e-6)
    assert len(states) == 2
    assert states[0].shape == states[1].shape
    assert isinstance(model.network, keras.Model)


@given(logits, logits, st.floats(0.5, 8))
def test_soft_losses_are_kullback_and_leibler_s(
    teacher_row: list[float], student_row: list[float], temperature: float
) -> None:
    teacher_logits, student_logits = tf.constant([teacher_row]), tf.constant([student_row])
    target_probabilities, probabilities = (
        tf.nn.softmax(teacher_logits / temperature),
        tf.nn.softmax(student_logits / temperature),
    )
    divergence = np.sum(target_probabilities * np.log(target_probabilities / probabilities), axis=-1) * temperature**2
    np.testing.assert_allclose(soft_class_loss(teacher_logits, student_logits, temperature), divergence, atol=1e-3)
    binary_logits = (
        tf.stack([teacher_logits[0], tf.zeros(3)], axis=1),
        tf.stack([student_logits[0], tf.zeros(3)], axis=1),
    )
    binary = soft_class_loss(*binary_logits, temperature)
    np.testing.assert_allclose(soft_binary_loss(teacher_logits, student_logits, temperature)[0], binary, atol=1e-3)
    assert float(soft_class_loss(teacher_logits, teacher_logits, temperature)[0]) == pytest.approx(0, abs=1e-5)
