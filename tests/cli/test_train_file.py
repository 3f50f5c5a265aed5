"""`tfapp train` with a data file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.processes import call, complaint
from tests.registry.fake_versions import add_version
from tfapp import Run
from tfapp.cli.train import _end
from tfapp.registry import STABLE, LabelStore, versions

STEPS = ("training.batch_size=8", "model.max_length=32")


def test_a_file_is_trained_and_published_and_told_as_json_lines(
    bare_preset: Path, toy_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = [part for item in (f"model.preset={bare_preset}", *STEPS) for part in ("--set", item)]
    result = call("train", toy_data, "--quality", "fast", "--name", "mine", "--json", *settings)
    events = [json.loads(line) for line in result.out.splitlines()]
    assert (result.code, result.err) == (0, "")
    names = [event["event"] for event in events if event["event"] not in ("step", "epoch")]
    assert names == ["plan", "candidate", "start", "candidate_end", "evaluation", "published", "end"]
    by_name = {event["event"]: event for event in events}
    assert by_name["plan"]["candidates"][0]["seconds"] > 0
    assert by_name["plan"]["notes"]
    assert by_name["candidate_end"]["dev"]["score_name"] == "accuracy"
    assert by_name["end"]["test"]["score"] == by_name["evaluation"]["main_score"]
    callers = {"with_label": {}, "without_label": 1}
    assert by_name["published"] == {"event": "published", "version": "models/mine/1", "callers": callers}
    assert Path("models/mine/1/saved_model.pb").exists()
    result = call("train", toy_data, "--quality", "fast", "--name", "mine", "--resume", "--no-publish", *settings)
    assert '"published"' not in result.out
    assert json.loads(result.out.splitlines()[-1])["run"] == by_name["end"]["run"]
    assert [path.name for path in Path("models/mine").iterdir()] == ["1"]


class _RunWithFakeExport(Run):
    """A run whose export takes no time."""

    def export(self, to: Path | str = "models", **_options: Any) -> Path:
        return add_version(Path(to), "toy", len(versions(to, "toy")) + 1)


def test_a_version_that_no_label_names_is_to_be_promoted(
    toy_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, models = _RunWithFakeExport(toy_run.path), tmp_path / "models"
    _end(run, models=models, as_json=False)
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"Model    {models}/toy/1",
        "callers get version 1 without a label (the newest)",
        f"Next     tfapp serve {models}",
    ]
    LabelStore.open(models).set_label("toy", STABLE, 1, "promote", expected=None)
    _end(run, models=models, as_json=False)
    assert capsys.readouterr().out.splitlines()[-4:] == [
        f"Model    {models}/toy/2",
        "No label names it, so servers do not load it.",
        'callers get version 1 with label="stable", version 1 without a label',
        f"Next     tfapp models promote toy 2 --models {models}",
    ]


def test_what_train_cannot_use_is_one_line(toy_data: Path, tmp_path: Path) -> None:
    settings = tmp_path / "a.toml"
    settings.write_text("")
    for arguments, message in (
        ((settings, "--minutes", "3"), "--minutes is for a data file"),
        ((settings, "--quality", "best"), "--quality is for a data file"),
        ((settings, "--label", "topic"), "--label is for a data file"),
        ((settings, "--label-separator", ";"), "--label-separator is for a data file"),
        ((toy_data, "--quality", "god"), 'did you mean "good"?'),
        ((toy_data, "--label", "lable"), 'no column "lable" (data.label)'),
        ((toy_data, "--column", "label"), "--column label: expected"),
        ((toy_data, "--task", "ranking"), "give --column query=NAME"),
        ((toy_data, "--task", "rank"), "there is no task 'rank'"),
        ((toy_data, "--test", tmp_path / "none.csv"), "none.csv: no such file"),
        ((tmp_path / "none.csv",), "none.csv: no such file"),
    ):
        assert message in complaint(call("train", *arguments, "--runs", tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["a.toml"]
