from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from tests.processes import call, complaint
from tests.run_folders import class_evaluation, write_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    write_run(folder, "20260101-000000", class_evaluation([1, 2]), dev=(0.9,))
    write_run(folder, "20260102-000000", class_evaluation([1, *range(5, 20)]), training={"epochs": 9})
    write_run(folder, "20260103-000000", class_evaluation([3], rows="others"), data="others")
    return folder


def test_list(runs: Path) -> None:
    out = call("runs", "list", "--runs", runs).out
    assert "toy/20260101-000000" in out
    assert "accuracy 96.7" in out
    records = json.loads(call("runs", "list", "toy", "--runs", runs, "--json").out)
    assert [record["state"] for record in records] == ["finished"] * 3
    assert records[0]["evaluation"]["texts"] == 60
    assert "no run of 'news'" in complaint(call("runs", "list", "news", "--runs", runs))


@pytest.mark.parametrize(
    "arguments",
    [
        ("runs", "track", "none", "--uri", "http://me:s3cret@127.0.0.1:1"),
        ("search", "none.toml", "--storage", "postgresql://me:s3cret@127.0.0.1:1/x"),
        ("console", "--home", "none", "--database", "postgresql://me:s3cret@127.0.0.1:1/x"),
        ("feedback", "show", "--home", "none", "--database", "mysql://me:s3cret@127.0.0.1:1/x"),
        ("monitor", "run", "--home", "none", "--set", "smtp.password=s3cret"),
    ],
)
def test_passwords_on_the_command_line_are_warned_of(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with contextlib.chdir(tmp_path):
        errors = call(*arguments).err
    assert f"tfapp: warning: {arguments[-2]} has a password or token" in errors
    assert "s3cret" not in errors


def test_compare(runs: Path) -> None:
    first, second = runs / "toy" / "20260101-000000", runs / "toy" / "20260102-000000"
    out = call("runs", "compare", first, second, "--rows", "3").out
    assert "training.epochs" in out
    assert "13 more rows" in out
    assert "run 20260101-000000 is better (exact McNemar test, p =" in out.replace("\n", " ")
    # The row that the second one alone gets right is among the few that are shown.
    assert "text 2 " in out
    values = json.loads(call("runs", "compare", first, second, "--json").out)
    assert values["settings"] == {"training.epochs": [1, 9]}
    assert len(values["rows"]) == 16
    assert "not compared" in call("runs", "compare", first, runs / "toy").out


def test_best(runs: Path) -> None:
    out = call("runs", "best", "toy", "--runs", runs).out
    assert f"Best on dev  {runs / 'toy' / '20260103-000000'}" in out.replace("\n", "")
    assert json.loads(call("runs", "best", "--runs", runs, "--json").out)["left_out"] == 2


def test_prune_shows_before_it_removes(runs: Path, tmp_path: Path) -> None:
    write_run(runs, "20260104-000000", class_evaluation([1]), data="others")
    assert "no such folder" in call("runs", "prune", "--runs", runs, "--dry-run", "--models", tmp_path / "none").err
    (tmp_path / "models").mkdir()
    options = ("--runs", runs, "--keep", "1", "--models", tmp_path / "models")
    second = runs / "toy" / "20260102-000000"
    assert f"would remove {second}" in call("runs", "prune", *options, "--dry-run").out.replace("\n", "")
    assert complaint(call("runs", "prune", *options)).startswith("nothing was removed: --yes removes these runs")
    assert complaint(call("runs", "prune", *options, "--json")).startswith("nothing was removed")
    assert second.exists()
    result = json.loads(call("runs", "prune", *options, "--yes", "--json").out)
    assert str(second) in result["removed"]
    assert not second.exists()
    assert call("runs", "prune", *options, "--yes").out.endswith("no run to remove\n")
