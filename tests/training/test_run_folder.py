"""Run folders: made whole, found again, and held against the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tfapp.config import Experiment
from tfapp.errors import TrainingError
from tfapp.tasks.experiments import parse_experiment, read_run_settings
from tfapp.training import RunFolder, create_run, latest_run


def experiment(**training: Any) -> Experiment:
    return parse_experiment({"name": "news", "data": {"train": "x.csv"}, "training": training})


def create(runs: Path, seconds: float = 0.0, **training: Any) -> RunFolder:
    return create_run(experiment(**training), runs, now=lambda: seconds)


def test_a_new_run_keeps_its_settings_and_environment(tmp_path: Path) -> None:
    folder = create(tmp_path, epochs=3)
    assert folder.path.parent == tmp_path / "news"
    assert read_run_settings(folder.path) == experiment(epochs=3)
    assert not folder.is_finished
    environment = folder.read("environment")
    assert {"tensorflow", "keras", "keras-hub"} <= environment["packages"].keys()
    assert all(environment["packages"].values())
    json.dumps(environment)


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = [create(tmp_path) for _ in range(12)]
    assert len({folder.path for folder in folders}) == 12
    assert latest_run("news", tmp_path) == folders[-1]


def test_the_newest_run_is_found(tmp_path: Path) -> None:
    create(tmp_path, 1e9)
    create(tmp_path, 2e9)
    newest = create(tmp_path, 2e9 + 100)
    assert latest_run("news", tmp_path) == newest
    assert latest_run("other", tmp_path) is None
    assert latest_run("news", tmp_path / "none") is None


def test_the_run_that_began_last_is_the_newest_though_the_clock_was_set_back(tmp_path: Path) -> None:
    for seconds in (0, 3600, 1800, 3600, 1801, 7200):
        newest = create(tmp_path, seconds)
        assert latest_run("news", tmp_path) == newest


def test_a_folder_killed_before_its_settings_were_there_is_no_run(tmp_path: Path) -> None:
    older = create(tmp_path, 0)
    unfinished_run = create(tmp_path, 100)
    (unfinished_run.path / "settings.toml").unlink()
    assert latest_run("news", tmp_path) == older


def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no evaluation\.json; did its training finish"):
        create(tmp_path).read("evaluation")


def test_evaluations_of_other_data_have_folders_of_their_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.evaluation_folder(None) == tmp_path
    places = [folder.evaluation_folder(data) for data in ("a/new.csv", "b/new.csv", "a/new.jsonl", "bbc-news", "..")]
    assert len(set(places)) == 5
    assert all(place.parent == tmp_path / "evaluations" for place in places)
    assert places[0] == folder.evaluation_folder("a/new.csv")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be made"):
        create(tmp_path / "file")
