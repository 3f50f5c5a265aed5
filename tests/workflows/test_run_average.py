"""Averages of runs: those of a run with noise added, and with the same noise taken away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

import tfapp
from tests.processes import call, complaint
from tests.toy import toy_experiment, toy_rows, toy_text
from tfapp import Run
from tfapp.config.overrides import read_toml
from tfapp.errors import TrainingError
from tfapp.models import BertModel
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import load_model

TEXTS = [toy_text("sport", 901), toy_text("tech", 902), toy_text("money", 903), "ball price chip"]


def with_noise(run: Run, folder: Path, scale: float) -> Path:
    """Copies a run, with noise on its weights, always the same times `scale`."""
    shutil.copytree(run.path, folder)
    model, random = load_model(folder / "model"), np.random.default_rng(0)
    model.network.set_weights(
        [weight + scale * random.normal(size=weight.shape) for weight in model.network.get_weights()]
    )
    model.save(folder / "model")
    return folder


@pytest.fixture(scope="module")
def runs(toy_run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs whose average is the toy run, and one that is no use."""
    folder = tmp_path_factory.mktemp("runs") / "toy"
    runs = [with_noise(toy_run, folder / f"2026010{n}-000000", scale) for n, scale in enumerate((0.05, -0.05, 3), 1)]
    # The best on dev says that it learnt less than the others.
    _settings("training", adapt="head")(runs[1])
    return runs


@pytest.fixture(scope="module")
def average(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tfapp.average_runs(runs[:2], method="uniform", to=tmp_path_factory.mktemp("averages"), quiet=True)


def test_an_average_answers_as_the_mean_of_the_weights_does(average: Run, runs: list[Path], toy_run: Run) -> None:
    probabilities, expected = (run.predict(TEXTS)["probabilities"] for run in (average, toy_run))
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    assert np.abs(tfapp.open_run(runs[0]).predict(TEXTS)["probabilities"] - expected).max() > 0.01


def test_an_average_is_a_run_like_any_other_and_names_its_parts(
    average: Run, runs: list[Path], toy_run: Run, tmp_path: Path
) -> None:
    names = ["toy/20260101-000000", "toy/20260102-000000"]
    # An average of weights of which some were all trained has the settings of such a run.
    assert average.experiment == toy_run.experiment.model_copy(update={"name": "toy-average"})
    assert average.evaluation.main_score == toy_run.evaluation.main_score
    assert average.evaluate(quiet=True) == average.evaluation
    assert ", ".join(names) in average.folder.report.read_text()
    parts = average.folder.read("parts")["parts"]
    assert [(part["name"], part["run"], part["member"]) for part in parts] == [
        (name, str(run), True) for name, run in zip(names, runs, strict=False)
    ]
    (record,) = tfapp.list_runs(average.path.parents[1])
    assert (record.state, record.problem) == ("finished", "")
    assert record.dev is not None
    metadata = json.loads((average.export(tmp_path, quiet=True) / "assets.extra" / "tfapp.json").read_text())
    assert metadata["average_of"] == names


def test_a_greedy_average_leaves_out_what_makes_dev_worse(runs: list[Path], tmp_path: Path) -> None:
    result = json.loads(call("runs", "average", *runs[1:], "--to", tmp_path, "--name", "soup", "--json").out)
    assert [part["member"] for part in result["parts"]] == [True, False]
    assert result["dev"] == max(part["dev"] for part in result["parts"])
    assert Path(result["run"]).parent == tmp_path / "soup"


@pytest.mark.slow
def test_the_epochs_of_one_training_are_averaged(still_preset: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in toy_rows(60)))
    training = {"keep_epochs": True, "batch_size": 16, "epochs": 2}
    run = tfapp.fit(parse_experiment(toy_experiment(still_preset, file, training=training)), runs=tmp_path, quiet=True)
    assert run.folder.kept_epochs == [1, 2]
    out = call("runs", "average", run.path, "--epochs", "--method", "uniform", "--to", tmp_path).out
    assert f"toy/{run.path.name} epoch 2" in out
    models = [load_model(folder) for folder in (run.folder.epoch(1), run.folder.epoch(2))]
    average = load_model(tfapp.open_run(tmp_path / "toy-average").folder.model)
    weights: Sequence[Sequence[Any]] = [model.network.get_weights() for model in (*models, average)]
    assert any(np.abs(first - second).max() > 1e-3 for first, second, _ in zip(*weights, strict=True))
    for first, second, mean in zip(*weights, strict=True):
        np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-6)


def _settings(section: str, **changes: Any) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        values = read_toml(run / "settings.toml")
        values[section] |= changes
        (run / "settings.toml").write_text(tomli_w.dumps(values))

    return change


def _data(**changes: Any) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        (run / "data.json").write_text(json.dumps(json.loads((run / "data.json").read_text()) | changes))

    return change


def _with_one_layer(run: Path) -> None:
    model = load_model(run / "model")
    assert isinstance(model, BertModel)
    config = model.config()
    config["backbone"] |= {"num_layers": 1}
    type(model).from_config(config, model.preprocessor, dtype="float32").save(run / "model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_settings("model", pooling="max"), "its model.pooling is max, that of .* mean; only runs of one network"),
        (_settings("model", preset="other"), "its preset is other, that of"),
        (_data(labels=["a", "b"]), "its list of labels is a, b, that of .* money, sport, tech"),
        (_data(fingerprint="f" * 40), "its data fingerprint is ffffffffffff, that of"),
        (_settings("model", kind="lstm"), "it began at random weights"),
        (_settings("training", adapt="head", head_penalty="cross-validation"), "it learnt from dev, too"),
        (lambda run: (run / "finished.json").unlink(), "the run is not finished"),
        (_with_one_layer, "another run's weights have other shapes: .*; average runs of one preset, whose files are"),
    ],
)
def test_runs_that_do_not_go_together_are_named(
    change: Callable[[Path], None], message: str, toy_run: Run, tmp_path: Path
) -> None:
    other_run = tmp_path / "toy" / "20260101-000000"
    shutil.copytree(toy_run.path, other_run)
    change(other_run)
    with pytest.raises(TrainingError, match=message):
        tfapp.average_runs([toy_run, other_run], to=tmp_path / "averages")
    assert not (tmp_path / "averages").exists()


def test_what_has_no_average_is_one_line(toy_run: Run, tmp_path: Path) -> None:
    options = ("--to", tmp_path)
    assert "one run has no average; name two runs" in complaint(
        call("runs", "average", toy_run.path, toy_run.path, *options)
    )
    assert "the run kept no epochs" in complaint(call("runs", "average", toy_run.path, "--epochs", *options))
    assert "take greedy or uniform" in complaint(call("runs", "average", toy_run.path, "--method", "best", *options))
