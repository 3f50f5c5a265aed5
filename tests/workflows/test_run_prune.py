from __future__ import annotations

import json
from pathlib import Path

import pytest

import tfapp
from tests.run_folders import class_evaluation, write_run
from tfapp.errors import TrainingError
from tfapp.training import RunFolder


def runs_of(tmp_path: Path, count: int = 6) -> list[Path]:
    """Runs of which the second is the best on dev."""
    scores = [0.5, 0.9, *[0.6] * count][:count]
    return [
        write_run(tmp_path / "runs", f"2026010{number}-000000", class_evaluation([number]), dev=(score,))
        for number, score in enumerate(scores, start=1)
    ]


def publish(models: Path, run: str | None, fingerprint: str = "data") -> None:
    extra = models / "toy" / "7" / "assets.extra"
    extra.mkdir(parents=True)
    source = {"run": run} if run else {}
    (extra / "tfapp.json").write_text(json.dumps({"data": {"fingerprint": fingerprint}} | source))


def test_old_runs_go_but_not_the_best(tmp_path: Path) -> None:
    runs = runs_of(tmp_path)
    plan = tfapp.prune_runs(tmp_path / "runs", keep=2, models=[tmp_path / "models"], dry_run=True)
    assert plan.removed == (runs[0], runs[2], runs[3])
    assert all(run.exists() for run in runs)
    assert plan.kept == {runs[1]: "it is the best on its data"}
    result = tfapp.prune_runs(tmp_path / "runs", keep=2, models=[tmp_path / "models"], only=plan.removed[:2])
    assert result.removed == (runs[0], runs[2])
    assert result.size > 1000
    assert [run.exists() for run in runs] == [False, True, False, True, True, True]
    assert sorted((tmp_path / "runs" / "toy").iterdir()) == [runs[1], *runs[3:]]


def test_a_run_that_is_trained_stays(tmp_path: Path) -> None:
    runs = runs_of(tmp_path)
    with RunFolder(runs[0]).locked():
        result = tfapp.prune_runs(tmp_path / "runs", keep=5, models=[tmp_path / "models"])
    assert result.removed == ()
    assert result.kept == {runs[0]: "it is running"}
    assert runs[0].exists()


def test_the_run_of_a_published_version_stays(tmp_path: Path) -> None:
    runs = runs_of(tmp_path)
    publish(tmp_path / "models", runs[2].name)
    result = tfapp.prune_runs(tmp_path / "runs", keep=1, models=[tmp_path / "models"])
    assert result.removed == (runs[0], runs[3], runs[4])
    assert result.kept[runs[2]] == f"{tmp_path / 'models' / 'toy' / '7'} came from it"


def test_a_version_that_does_not_say_its_run_keeps_all_on_its_data(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, 3)
    publish(tmp_path / "models", None)
    assert tfapp.prune_runs(tmp_path / "runs", keep=1, models=[tmp_path / "models"]).removed == ()
    assert all(run.exists() for run in runs)


def test_a_run_that_another_names_stays(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, 3)
    write_run(tmp_path / "runs", "20260109-000000", name="student", model={"preset": str(runs[0] / "preset")})
    teachers = {"teacher": ["runs/other", str(runs[2])], "hidden_weight": 0}
    write_run(tmp_path / "runs", "20260110-000000", name="pupil", distillation=teachers)
    write_run(tmp_path / "runs", "20260111-000000", dev=(0.1,))
    result = tfapp.prune_runs(tmp_path / "runs", keep=1, models=[tmp_path / "models"])
    assert result.kept[runs[0]] == "the settings of student/20260109-000000 name it"
    assert result.kept[runs[2]] == "the settings of pupil/20260110-000000 name it"


def test_the_best_without_dev_is_that_of_the_test_split(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "runs", f"2026010{n}-000000", class_evaluation(range(n % 3, 5)), dev=()) for n in (1, 2, 3)
    ]
    result = tfapp.prune_runs(tmp_path / "runs", keep=1, models=[tmp_path / "models"])
    assert result.removed == (runs[0],)
    assert list(result.kept) == [runs[1]]


def test_one_name_alone_and_its_bounds(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, 3)
    other_runs = [write_run(tmp_path / "runs", f"2026010{n}-000000", name="other", dev=(0.1 * n,)) for n in (1, 2, 3)]
    tfapp.prune_runs(tmp_path / "runs", name="other", keep=1, models=[tmp_path / "models"])
    assert [path.exists() for path in (*runs, *other_runs)] == [True, True, True, False, False, True]
    with pytest.raises(TrainingError, match="keep must be 1 or more, got 0"):
        tfapp.prune_runs(tmp_path / "runs", keep=0)
