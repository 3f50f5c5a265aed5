"""kill -9 during a search, by a stub for the training: the same call goes on, and ends as if there had been no kill."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from tests.workflows.search.studies import STUB, running, start_search, stub_experiment, study_of
from tfapp.workflows.search import search

TRIALS, SEEDS = 4, 2

# An event of the search and how many of it, or what the stub kills the search at.
POINTS = [
    ("search", 1),
    ("trial", 1),
    ("trial", 3),
    ("epoch", 1),
    ("epoch", 4),
    ("trial_end", 1),
    ("trial_end", 4),
    ("seed_end", 1),
    ("seed_end", 2),
    ("search_end", 1),
    "trial:0001:start",
    "trial:0001:first",
    "trial:0003:end",
    "seed:best:start",
    "seed:best:end",
]


def kill_search(runs: Path, point: tuple[str, int] | str, best: int) -> None:
    """Starts a search that is killed at a point."""
    if isinstance(point, str):
        process = start_search(runs, TRIALS, SEEDS, STUB_KILL=point.replace(":best:", f":{best:04d}-1:"))
    else:
        process = start_search(runs, TRIALS, SEEDS, *point)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -9, errors


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_killed_search_goes_on(point: tuple[str, int] | str, tmp_path: Path) -> None:
    if isinstance(point, str) and point.startswith("seed"):
        # Which trial wins is known once there are all.
        process = start_search(tmp_path, TRIALS, 0)
        assert process.wait(timeout=120) == 0
    number = study_of(tmp_path).best_trial.number if (tmp_path / "toy").exists() else 0
    kill_search(tmp_path, point, number)
    epochs = {trial.number: dict(trial.params) for trial in study_of(tmp_path).trials}

    result = search(stub_experiment(), trials=TRIALS, seeds=SEEDS, runs=tmp_path, quiet=True, command=STUB)
    study = study_of(tmp_path)
    assert not running(study)
    assert len(result.trials) == TRIALS
    states = [trial.state for trial in study.trials]
    assert set(states) <= {optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED}
    # What was begun went on with its own values.
    assert all(study.trials[number].params.items() >= params.items() for number, params in epochs.items())
    assert result.path is not None
    assert [path.name for path in (tmp_path / "toy").iterdir() if path.name != "search"] == [result.path.name]
    assert [seed.seed for seed in result.seeds] == [1, 2]
    folder = tmp_path / "toy" / "search"
    assert len(list(folder.glob("trials/*/model"))) == 1
    assert not list(folder.glob("**/checkpoint.txt"))
    assert not (folder / "seeds").exists()
    # No epoch was learnt twice.
    for trial in study.trials:
        lines = (folder / "trials" / f"{trial.number:04d}" / "history.jsonl").read_text().split()
        assert lines == sorted(set(lines))


def test_a_killed_trial_goes_on_where_it_was(tmp_path: Path) -> None:
    kill_search(tmp_path, "trial:0001:first", 0)
    (trial,) = running(study_of(tmp_path))
    events = []
    search(stub_experiment(), trials=2, seeds=0, runs=tmp_path, quiet=True, command=STUB, on_event=events.append)
    (start,) = [event for event in events if event["event"] == "trial"]
    assert (start["number"], start["resumed"], start["parameters"]) == (1, True, trial.params)
    assert next(event["epoch"] for event in events if event["event"] == "epoch") == 2


def test_a_trial_that_nobody_had_put_a_name_to_is_left_behind(tmp_path: Path) -> None:
    options = {"seeds": 0, "runs": tmp_path, "quiet": True, "command": STUB}
    search(stub_experiment(), trials=1, **options)
    # As a kill leaves it between two writes.
    study_of(tmp_path).ask()
    result = search(stub_experiment(), trials=2, **options)
    assert [trial.number for trial in result.trials] == [0, 2]
    assert not running(study_of(tmp_path))


@pytest.mark.slow
def test_a_trial_that_kills_its_process_again_and_again_is_given_up(tmp_path: Path) -> None:
    for _ in range(3):
        kill_search(tmp_path, "trial:0000:first" if not (tmp_path / "toy").exists() else "trial:0000:start", 0)
    result = search(stub_experiment(), trials=1, seeds=0, runs=tmp_path, quiet=True, command=STUB)
    assert [trial.number for trial in result.trials] == [1]
    assert "killed 3 times" in study_of(tmp_path).trials[0].user_attrs["note"]
