"""Runs that are gone on with: held against the settings, and locked before they are found."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from tfapp.config import Experiment
from tfapp.errors import TrainingError
from tfapp.tasks.experiments import parse_experiment
from tfapp.training import RunFolder, create_run
from tfapp.workflows.resume import find_resumable


def experiment(**training: Any) -> Experiment:
    return parse_experiment({"name": "news", "data": {"train": "x.csv"}, "training": training})


def create(runs: Path, seconds: float = 0.0, **training: Any) -> RunFolder:
    return create_run(experiment(**training), runs, now=lambda: seconds)


class WatchedStack(ExitStack):
    """Knows which run could be gone on with when something was entered."""

    def __init__(self, runs: Path) -> None:
        super().__init__()
        self._runs = runs
        self.visible: list[RunFolder | None] = []

    def enter_context(self, cm: AbstractContextManager[Any, Any]) -> Any:
        self.visible.append(find_resumable(experiment(), self._runs))
        value = super().enter_context(cm)
        self.visible.append(find_resumable(experiment(), self._runs))
        return value


def test_a_new_run_is_locked_before_it_can_be_gone_on_with(tmp_path: Path) -> None:
    with WatchedStack(tmp_path) as stack:
        folder = create_run(experiment(), tmp_path, locks=stack)
        assert stack.visible == [None, None]
        assert find_resumable(experiment(), tmp_path) == folder
        with pytest.raises(TrainingError, match="trains this run"), folder.locked():
            pass
    with folder.locked():
        pass


def test_the_newest_run_is_gone_on_with_finished_or_not(tmp_path: Path) -> None:
    assert find_resumable(experiment(), tmp_path) is None
    create(tmp_path, 0)
    folder = create(tmp_path, 100)
    assert find_resumable(experiment(), tmp_path) == folder
    folder.write("finished", {})
    assert folder.is_finished
    assert find_resumable(experiment(), tmp_path) == folder


def test_a_finished_run_with_other_settings_is_no_hindrance(tmp_path: Path) -> None:
    create(tmp_path, epochs=2).write("finished", {})
    assert find_resumable(experiment(), tmp_path) is None


def test_other_settings_are_named(tmp_path: Path) -> None:
    folder = create(tmp_path, epochs=3)
    with pytest.raises(TrainingError) as excinfo:
        find_resumable(experiment(epochs=4), tmp_path)
    message = str(excinfo.value)
    assert message.startswith(f"{folder.path} was started with other settings")
    assert "training.epochs" in message
    assert "without --resume" in message
    assert len(message.splitlines()) == 1
