from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

import tfapp
from tests.run_folders import class_evaluation, write_run
from tfapp.errors import TrainingError


def test_the_best_is_chosen_on_dev_among_runs_on_the_newest_data(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101-000000", class_evaluation([]), data="earlier", dev=(0.99,))
    second = write_run(tmp_path, "20260102-000000", class_evaluation(range(10, 30)), dev=(0.6, 0.9, 0.7))
    third = write_run(tmp_path, "20260103-000000", class_evaluation(range(8, 28)), dev=(0.8,))
    fourth = write_run(tmp_path, "20260104-000000", class_evaluation([1]), dev=(0.7,), name="other")
    write_run(tmp_path, "20260105-000000", finished=False, dev=(0.95,))
    choice = tfapp.best_run(tmp_path)
    # Neither the best test score nor the last epoch decides.
    assert choice.best.path == second
    assert choice.best.dev is not None
    assert choice.best.dev.score == 0.9
    assert [record.path for record in choice.others] == [third, fourth]
    # By the test rows, too, the fourth is another model.
    assert [record.path for record in choice.by_chance] == [third]
    assert choice.left_out == 2
    assert tfapp.best_run(tmp_path, name="other").best.path == fourth
    assert json.loads(json.dumps(choice.to_dict()))["best"]["run"] == str(second)


def test_without_dev_scores_there_is_no_best(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101-000000", class_evaluation([]), dev=())
    with pytest.raises(TrainingError, match="no finished run has a score on dev"):
        tfapp.best_run(tmp_path)
    with pytest.raises(TrainingError, match=r"no run of 'toi'; did you mean"):
        tfapp.best_run(tmp_path, name="toi")
    with pytest.raises(TrainingError, match="no such folder of runs"):
        tfapp.list_runs(tmp_path / "none")


def test_a_list_shows_runs_in_every_state(tmp_path: Path) -> None:
    write_run(tmp_path, "20260101-000000", class_evaluation([1]))
    running_folder = write_run(tmp_path, "20260102-000000", finished=False)
    (running_folder / ".lock").write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    killed_run = write_run(tmp_path, "20260103-000000", finished=False)
    (killed_run / ".lock").write_text(json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}))
    planned_folder = tmp_path / "toy" / "20260104-000000"
    planned_folder.mkdir()
    (planned_folder / "plan.json").write_text("{}")
    broken_run = write_run(tmp_path, "20260105-000000", class_evaluation([1]))
    (broken_run / "settings.toml").write_text("name = 3")
    (tmp_path / "toy" / "notes").mkdir()
    records = tfapp.list_runs(tmp_path)
    assert [record.state for record in records] == ["finished", "running", "unfinished", "unfinished", "finished"]
    assert [bool(record.problem) for record in records] == [False, False, False, False, True]
    assert "name" in records[-1].problem
    assert (records[0].epochs, records[0].seconds, records[0].rows["test"]) == (2, 120.0, 60)
