"""Trainings of a part of the weights: the rest stays, a killed run goes on, and replicas learn what one learns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluators import fit_and_evaluate
from tests.toy import write_toy_preset
from tests.training.test_loop import KillAt, KilledError, new_folder, run, same, table, weights
from tfapp.config import Experiment
from tfapp.errors import TrainingError
from tfapp.models import TaskModel
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import build_model, load_model
from tfapp.training import HistoryObserver, make_strategy, tokenize_split

# A killed run has nothing to go on from, then some of it, then nearly all.
KILLS = {"lora": [2, 13, 35], "adalora": [2, 13, 35], "head": [2, 7, 18]}


def adapted_experiment(preset: Path, adapt: str, **model: float) -> Experiment:
    training = {"epochs": 3, "batch_size": 8, "learning_rate": 5e-2, "checkpoint_steps": 4, "log_steps": 3}
    return parse_experiment(
        {
            "name": "toy",
            "data": {"train": "x"},
            "model": {"preset": str(preset), "max_length": 16, "pooling": "mean", **model},
            "training": training | {"adapt": adapt, "lora_rank": 2, "adalora_interval": 3},
        }
    )


@pytest.fixture(scope="module", params=KILLS)
def experiment(request: pytest.FixtureRequest, shallow_preset: Path) -> Experiment:
    return adapted_experiment(shallow_preset, request.param)


@pytest.fixture(scope="module")
def folder(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def uninterrupted_model(experiment: Experiment, folder: Path) -> TaskModel:
    run_folder = new_folder(experiment, folder)
    run(experiment, run_folder, observers=(HistoryObserver(run_folder.history),))
    return load_model(run_folder.model)


def epochs(history: Path) -> list[dict[str, Any]]:
    """Returns what a history says of epochs, but for the time."""
    lines = [json.loads(line) for line in history.read_text().splitlines() if '"epoch"' in line]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def new_model(experiment: Experiment) -> TaskModel:
    return build_model("classification", experiment.model, ["money", "sport", "tech"])


def test_it_learns_and_leaves_the_rest_alone(experiment: Experiment, uninterrupted_model: TaskModel) -> None:
    side = tokenize_split(uninterrupted_model, table(93, 120))
    logits = uninterrupted_model.logits(uninterrupted_model.preprocessor(list(side.raw_texts))).numpy()
    assert fit_and_evaluate(uninterrupted_model, logits, side).main_score > 0.8
    fresh_weights = new_model(experiment).network.weights
    paths = {
        old.path.split("/", 1)[1] if old.path.startswith("transformer") else old.path
        for old, new in zip(fresh_weights, uninterrupted_model.network.weights, strict=True)
        if "seed_generator" not in old.path and not np.array_equal(old.numpy(), new.numpy())
    }
    attention = {f"self_attention_layer/{name}/kernel" for name in ("query", "value")}
    head = {"logits/kernel", "logits/bias"}
    assert paths == (head if experiment.training.adapt == "head" else head | attention)


def test_low_rank_it_is(experiment: Experiment, uninterrupted_model: TaskModel) -> None:
    ranks = {
        old.path: np.linalg.matrix_rank((new.numpy() - old.numpy()).reshape(32, 32), tol=1e-5)
        for old, new in zip(new_model(experiment).network.weights, uninterrupted_model.network.weights, strict=True)
        if old.path.endswith(("query/kernel", "value/kernel"))
    }
    expected = {"lora": [2, 2], "head": [0, 0]}
    if experiment.training.adapt == "adalora":
        # Two kernels share twice the rank, as the loop divided it.
        assert sum(ranks.values()) == 4
    else:
        assert [*ranks.values()] == expected[experiment.training.adapt]


@pytest.mark.slow
@pytest.mark.parametrize("kill", range(3))
def test_a_killed_run_ends_as_if_it_had_not_been(
    experiment: Experiment, tmp_path: Path, folder: Path, uninterrupted_model: TaskModel, kill: int
) -> None:
    run_folder = new_folder(experiment, tmp_path)
    killed_at = KILLS[experiment.training.adapt][kill]
    with pytest.raises(KilledError):
        run(experiment, run_folder, observers=(HistoryObserver(run_folder.history), KillAt(killed_at)))
    run(experiment, run_folder, observers=(HistoryObserver(run_folder.history),))
    assert same(load_model(run_folder.model), uninterrupted_model)
    (history,) = folder.rglob("history.jsonl")
    assert epochs(run_folder.history) == epochs(history)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(
    experiment: Experiment, tmp_path: Path, uninterrupted_model: TaskModel
) -> None:
    run_folder = new_folder(experiment, tmp_path)
    run(experiment, run_folder)
    assert same(load_model(run_folder.model), uninterrupted_model)


@pytest.mark.slow
@pytest.mark.parametrize("adapt", ["lora", "dora", "adalora"])
def test_small_updates_are_kept_where_the_network_computes_in_bfloat16(
    adapt: str, shallow_preset: Path, tmp_path: Path
) -> None:
    run_folder = new_folder(experiment := adapted_experiment(shallow_preset, adapt), tmp_path)
    run(experiment, run_folder, dtype="mixed_bfloat16")
    model = load_model(run_folder.model)
    side = tokenize_split(model, table(93, 120))
    logits = model.logits(model.preprocessor(list(side.raw_texts))).numpy()
    assert fit_and_evaluate(model, logits, side).main_score > 0.8
    assert {weight.dtype for weight in model.network.weights if "seed" not in weight.path} == {"float32"}


# L-BFGS ends within a tolerance of the minimum, which the weakest penalty makes a wide one: how long the weights get,
# rounding decides, which differs from processor to processor; where they point, it does not.
@pytest.mark.slow
@pytest.mark.parametrize(("adapt", "tolerance"), [("dora", 1e-3), ("adalora", 1e-3), ("head", 5e-2)])
def test_two_replicas_learn_what_one_learns(
    adapt: str, tolerance: float, tmp_path: Path, two_devices: list[str]
) -> None:
    still_experiment = adapted_experiment(write_toy_preset(tmp_path / "still", dropout=0.0), adapt, dropout=0.0)
    single, _ = run(still_experiment, new_folder(still_experiment, tmp_path / "one"))
    two_replicas = make_strategy("mirrored", devices=two_devices)
    replicated_model, _ = run(still_experiment, new_folder(still_experiment, tmp_path / "two"), strategy=two_replicas)
    for a, b in zip(weights(single), weights(replicated_model), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
        lengths = np.linalg.norm(a), np.linalg.norm(b)
        np.testing.assert_allclose(a * lengths[1], b * lengths[0], rtol=0, atol=2e-3 * lengths[0] * lengths[1])


def test_a_batch_that_does_not_divide_is_named(shallow_preset: Path, tmp_path: Path, two_devices: list[str]) -> None:
    experiment = adapted_experiment(shallow_preset, "head")
    odd_experiment = experiment.model_copy(
        update={"training": experiment.training.model_copy(update={"batch_size": 7})}
    )
    with pytest.raises(TrainingError, match="multiple of the 2 devices"):
        run(
            odd_experiment,
            new_folder(odd_experiment, tmp_path),
            strategy=make_strategy("mirrored", devices=two_devices),
        )


def test_without_one_dense_layer_on_top_the_head_learns_in_steps(shallow_preset: Path, tmp_path: Path) -> None:
    """A model that gives no features still trains its head alone, through the whole network."""
    experiment = adapted_experiment(shallow_preset, "head")
    experiment = experiment.model_copy(update={"training": experiment.training.model_copy(update={"epochs": 1})})
    run_folder = new_folder(experiment, tmp_path)
    model, _ = run(experiment, run_folder, change=lambda model: setattr(model, "head", None))
    assert run_folder.checkpoint.exists()
    assert not run_folder.features.exists()
    fresh_weights = new_model(experiment).network.weights
    paths = {
        old.path
        for old, new in zip(fresh_weights, model.network.weights, strict=True)
        if "seed_generator" not in old.path and not np.array_equal(old.numpy(), new.numpy())
    }
    assert paths == {"logits/kernel", "logits/bias"}
