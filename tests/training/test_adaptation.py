"""Tests what learns: counts, layers by name, and learning rates by depth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfapp.config import ModelSettings, TrainingSettings
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.models import build_model
from tfapp.training import count_trained
from tfapp.training.adaptation import Adaptation
from tfapp.training.optimizer import make_optimizer, make_schedule

HEAD = 32 * 3 + 3


@pytest.fixture(scope="module")
def model(toy_preset: Path) -> TaskModel:
    settings = ModelSettings(preset=str(toy_preset), max_length=16, pooling="mean")
    return build_model("classification", settings, ["money", "sport", "tech"])


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings(**changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"adapt": "head"}, HEAD),
        ({"adapt": "lora", "lora_rank": 3}, HEAD + 2 * 2 * 3 * (32 + 32)),
        ({"adapt": "dora", "lora_rank": 3}, HEAD + 2 * 2 * (3 * (32 + 32) + 32)),
        # It begins with 1.5 times the rank, rounded to the even number.
        ({"adapt": "adalora", "lora_rank": 3}, HEAD + 2 * 2 * 4 * (32 + 1 + 32)),
        ({"adapt": "lora", "lora_rank": 3, "lora_targets": ["query", "query"]}, HEAD + 2 * 3 * (32 + 32)),
        ({"adapt": "lora", "lora_rank": 5, "lora_targets": ["feedforward_output_dense"]}, HEAD + 2 * 5 * (64 + 32)),
    ],
    ids=str,
)
def test_the_count_is_what_the_optimizer_is_given(model: TaskModel, changes: dict[str, Any], expected: int) -> None:
    training = settings(**changes)
    assert count_trained(model, training) == expected
    assert sum(np.prod(variable.shape) for variable in Adaptation(model, training).trained) == expected


def test_by_default_everything_learns(model: TaskModel) -> None:
    assert count_trained(model, settings()) == model.trainable_weights()
    adaptation = Adaptation(model, settings())
    assert [*map(id, adaptation.trained)] == [*map(id, model.network.trainable_variables)]
    assert adaptation.extra == []
    assert {adaptation.scale(variable) for variable in adaptation.trained} == {1.0}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lora_targets": ["query", "valeu"]},
            r"^training\.lora_targets: .* no layer 'valeu'; did you mean \"value\"\?$",
        ),
        # The mean of the tokens leaves the pooler unused.
        ({"lora_targets": ["pooled_dense"]}, "no layer 'pooled_dense'"),
        ({"lora_rank": 33}, r"^training\.lora_rank is 33, but the kernel of query is 32 x 32; take at most 32, or"),
    ],
)
def test_what_does_not_fit_is_one_line_with_the_way_out(
    model: TaskModel, changes: dict[str, Any], message: str
) -> None:
    for check in (count_trained, Adaptation):
        with pytest.raises(TrainingError, match=message) as excinfo:
            check(model, settings(adapt="lora", **changes))
        assert len(str(excinfo.value).splitlines()) == 1


def test_the_pooler_is_a_target_where_it_is_used(toy_preset: Path) -> None:
    model_settings = ModelSettings(preset=str(toy_preset), max_length=16, pooling="cls")
    model = build_model("classification", model_settings, ["money", "sport", "tech"])
    adaptation = Adaptation(model, settings(adapt="lora", lora_targets=["pooled_dense"]))
    assert [variable.path for variable in adaptation.sources[-1:]] == ["pooled_dense/kernel"]


@pytest.mark.parametrize("changes", [{"adapt": "lora"}, {"adapt": "head"}, {"layer_decay": 0.5}], ids=str)
def test_a_model_without_a_backbone_has_nothing_to_keep(toy_preset: Path, changes: dict[str, Any]) -> None:
    lstm = build_model("classification", ModelSettings(kind="lstm", preset=str(toy_preset), max_length=16), ["a", "b"])
    with pytest.raises(
        TrainingError, match=r"but model\.kind lstm has no pretrained layers; set adapt = all and layer_decay = 1"
    ):
        count_trained(lstm, settings(**changes))


def test_a_layer_learns_at_a_share_of_the_one_above(model: TaskModel) -> None:
    adaptation = Adaptation(model, settings(layer_decay=0.5))
    scales = {variable.path: adaptation.scale(variable) for variable in adaptation.trained}
    shares = {"transformer_layer_1": 0.5, "transformer_layer_0": 0.25, "logits": 1.0}
    assert scales == {path: shares.get(path.split("/")[0], 0.125) for path in scales}


def test_the_longest_rank_of_a_method_that_begins_with_more_is_said(model: TaskModel) -> None:
    message = r"lora_rank is 30, which adalora begins with 45 for, but the kernel of query is 32 x 32; take at most 21,"
    with pytest.raises(TrainingError, match=message):
        count_trained(model, settings(adapt="adalora", lora_rank=30))


def test_rank_stabilized_updates_are_scaled_by_the_root(model: TaskModel) -> None:
    plain_adaptation, stabilized_adaptation = (
        Adaptation(model, settings(adapt="lora", lora_rank=4, lora_alpha=8.0, lora_rank_stabilized=choice))
        for choice in (False, True)
    )
    assert {adapter.scale for adapter in plain_adaptation.adapters} == {2.0}
    assert {adapter.scale for adapter in stabilized_adaptation.adapters} == {4.0}


def test_low_rank_updates_learn_at_their_layer_s_share(model: TaskModel) -> None:
    adaptation = Adaptation(model, settings(adapt="lora", layer_decay=0.5, lora_targets=["key"]))
    assert [adaptation.scale(variable) for variable in adaptation.extra] == [0.25, 0.25, 0.5, 0.5]


def test_the_optimizer_takes_the_shares(model: TaskModel) -> None:
    training = settings(layer_decay=0.5, learning_rate=0.01, head_learning_rate=0.1, warmup_share=0.0, weight_decay=0.0)
    adaptation = Adaptation(model, training)
    optimizer = make_optimizer(training, make_schedule(training, 10), adaptation.scale)
    optimizer.build(adaptation.trained)
    values = {variable.path: variable.numpy() for variable in adaptation.trained}
    ones = [np.ones(variable.shape, np.float32) for variable in adaptation.trained]
    optimizer.apply(ones, adaptation.trained)
    steps = {variable.path: values[variable.path] - variable.numpy() for variable in adaptation.trained}
    # Adam's first step is the learning rate, whatever the gradient.
    for path, share in {"token_embedding/embeddings": 0.125, "logits/bias": 10.0}.items():
        np.testing.assert_allclose(steps[path], 0.01 * share, rtol=1e-2)
