"""A test set is evaluated as it is, and told how far it repeats itself or the training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tfapp
from tests.toy import toy_experiment, toy_rows
from tfapp import Run
from tfapp.errors import TrainingError
from tfapp.evaluation import Evaluation
from tfapp.tasks.experiments import parse_experiment


def _write(file: Path, rows: list[dict[str, str]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def run(shallow_preset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the small baseline whose test file has 60 rows, of which ten are train's and five repeat others."""
    folder = tmp_path_factory.mktemp("overlap")
    rows = toy_rows(300)
    train = _write(folder / "train.jsonl", rows[:240])
    test = _write(folder / "test.jsonl", [*rows[:10], *rows[250:295], *rows[250:255]])
    values = toy_experiment(shallow_preset, train, model={"kind": "lstm"}, training={"epochs": 1})
    return tfapp.fit(parse_experiment(values, [f"data.test={test}"]), runs=folder / "runs", quiet=True)


def test_the_score_of_a_test_file_is_of_all_its_rows_and_the_report_says_that_of_the_others(
    run: Run, tmp_path: Path
) -> None:
    evaluation = run.evaluation
    overlap = evaluation.overlap
    assert overlap is not None
    assert evaluation.count == 60
    counts = (overlap.rows, overlap.repeated, overlap.learnt, overlap.left_out, overlap.chosen, overlap.count)
    assert counts == (60, 5, 0, 10, 0, 45)
    text = "60 rows, 10 of texts that train's file has too (dropped from train), 5 that repeat an earlier one; without"
    assert text in evaluation.headline()
    assert text in run.folder.report.read_text().replace("&#39;", "'")
    assert "Caution" not in evaluation.headline()
    assert f"{run.experiment.data.test}: 5 rows repeating an earlier text" in run.folder.report.read_text()
    metadata = json.loads((run.export(tmp_path, quiet=True) / "assets.extra" / "tfapp.json").read_text())
    assert metadata["metrics"]["new_texts"] == 45
    assert metadata["metrics"]["accuracy_of_new_texts"] == overlap.score
    # What is left alone has this score.
    rest = _write(tmp_path / "rest.jsonl", toy_rows(295)[250:])
    rest_evaluation = run.evaluate(rest, quiet=True)
    assert (rest_evaluation.main_score, rest_evaluation.main_interval) == (overlap.score, overlap.interval)


def test_an_evaluation_on_texts_that_were_learnt_from_says_so(run: Run) -> None:
    data = run.experiment.data.train
    evaluation = run.evaluate(data, quiet=True)
    rows = run.folder.read("data")["report"]["rows"]
    overlap = evaluation.overlap
    assert overlap is not None
    assert (overlap.learnt, overlap.chosen, overlap.left_out) == (rows["train"], rows["dev"], 10)
    assert overlap.score is None
    assert f"Caution: 240 rows, {rows['train']} of texts that the model learnt from" in evaluation.headline()
    assert "no other is left to say how the model does on new texts" in evaluation.headline()
    assert Evaluation.from_dict(evaluation.to_dict()) == evaluation


def test_without_its_training_data_an_evaluation_says_that_it_could_not_compare(run: Run, tmp_path: Path) -> None:
    new = _write(tmp_path / "new.jsonl", toy_rows(295)[250:])
    assert run.evaluate(new, quiet=True).overlap is None
    train = Path(run.experiment.data.train)
    content = train.read_bytes()
    train.unlink()
    try:
        evaluation = run.evaluate(new, quiet=True)
    finally:
        train.write_bytes(content)
    assert evaluation.count == 45
    assert "could not be checked" in evaluation.headline()
    assert "no such file" in evaluation.headline()


def test_a_run_whose_test_file_was_thinned_by_an_earlier_version_says_so(run: Run) -> None:
    data = run.folder.read("data")
    report = data["report"]
    findings = [finding | {"action": "dropped"} for finding in report["findings"]]
    run.folder.write("data", data | {"fingerprint": "0" * 64, "report": report | {"findings": findings}})
    with pytest.raises(TrainingError, match="an earlier version of tfapp dropped repeated rows from this run's dev or"):
        run.evaluate(quiet=True)
    run.folder.write("data", data)
