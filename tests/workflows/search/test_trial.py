"""A search with real trainings: three trials of a toy BERT, and the winner with two seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli_w

import tfapp
from tests.processes import call, complaint, run
from tests.toy import toy_experiment
from tests.workflows.search.studies import study_of
from tfapp.tasks.experiments import load_experiment


@pytest.fixture
def settings(shallow_preset: Path, toy_data: Path, tmp_path: Path) -> Path:
    """A settings file with a space in which the trials differ in what they learn."""
    space = {
        "adapt": ["all", "head"],
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True, "when": {"adapt": "all"}},
        "dropout": {"low": 0.0, "high": 0.2},
    }
    values = toy_experiment(shallow_preset, toy_data) | {"search": space}
    file = tmp_path / "toy.toml"
    file.write_text(tomli_w.dumps(values), encoding="utf-8")
    return file


@pytest.mark.slow
def test_trials_are_trained_and_the_winner_is_a_run(settings: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    result = run("search", settings, "--trials", "3", "--seeds", "2", "--runs", runs)
    assert (result.code, result.err) == (0, "")
    events = [json.loads(line) for line in result.out.splitlines()]
    end = events[-1]
    assert end["event"] == "search_end"
    folder = runs / "toy" / "search"
    study = study_of(runs)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    for trial in study.trials:
        files = {path.name for path in (folder / "trials" / f"{trial.number:04d}").iterdir()}
        assert {"settings.toml", "history.jsonl", "dev.json"} <= files
        assert ("model" in files) == (trial.number == end["best"]["number"])
        dev = json.loads((folder / "trials" / f"{trial.number:04d}" / "dev.json").read_text())
        assert trial.value == dev["score"]
        steps = trial.params["training.adapt"] == "all"
        assert bool(trial.intermediate_values) == steps
    assert end["best"]["score"] == max(trial.value for trial in study.trials)

    winner = tfapp.open_run(end["run"])
    assert winner.folder.is_finished
    experiment = winner.experiment
    best = study.best_trial.params
    assert experiment.training.adapt == best["training.adapt"]
    assert experiment.model.dropout == best["model.dropout"]
    tests = {seed["seed"]: seed["test"] for seed in end["seeds"]}
    assert set(tests) == {1, 2}
    assert winner.evaluation.main_score == tests[experiment.training.seed]
    assert tfapp.open_run(runs / "toy").path == winner.path
    assert winner.predict(["the ball and the goal"])["label"].tolist() == ["sport"]
    assert not (folder / "shared").exists()

    # The same call, as a notebook would make it: nothing is trained again.
    resumed_search = tfapp.search(settings, trials=3, seeds=2, runs=runs, quiet=True)
    assert resumed_search.path == winner.path
    assert f"{resumed_search.best.score:.3f}" in resumed_search._repr_html_()


def test_a_search_refuses_what_it_cannot_do(settings: Path, tmp_path: Path) -> None:
    def refused(*arguments: str) -> str:
        return complaint(call("search", settings, "--runs", tmp_path / "runs", *arguments))

    assert "unknown setting search.learning_rat; did you mean" in refused("--set", "search.learning_rat=[1e-3]")
    assert "data.dev_share is 0, but " in refused("--set", "data.dev_share=0")
    assert "trials must be 1 or more" in refused("--trials", "0")
    assert not (tmp_path / "runs").exists()


def test_a_file_with_a_space_can_be_trained(settings: Path) -> None:
    assert load_experiment(settings).search is not None
