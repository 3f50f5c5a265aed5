"""Searches by a stub for the training, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import optuna

from tfapp.config import Experiment
from tfapp.tasks.experiments import parse_experiment

__all__ = ["SPACE", "STUB", "running", "start_search", "stub_experiment", "study_of"]

ROOT = Path(__file__).parents[3]
# It needs nothing that is installed, so it starts without a look at it.
STUB = (sys.executable, "-S", str(Path(__file__).parent / "stub_trial.py"))
SPACE: dict[str, Any] = {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}, "epochs": [2, 3]}


def stub_experiment(space: dict[str, Any] | None = None, **training: Any) -> Experiment:
    """An experiment whose data nobody reads."""
    values = {"name": "toy", "data": {"train": "none.csv"}, "training": training, "search": space or SPACE}
    return parse_experiment(values)


def start_search(runs: Path, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Starts `search_process.py`; see there."""
    command = [sys.executable, "-m", "tests.workflows.search.search_process", str(runs), *map(str, arguments)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, **pipes)


def study_of(runs: Path) -> optuna.Study:
    """The study that a search left in its own file."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.load_study(study_name="toy", storage=f"sqlite:///{runs / 'toy' / 'search' / 'study.db'}")


def running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return [trial for trial in study.trials if not trial.state.is_finished()]
