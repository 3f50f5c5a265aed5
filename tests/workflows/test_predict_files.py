"""Tests the scoring of many files: every row once, in its place or set aside, whatever ends a run."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.processes import kill_when
from tfapp import Run
from tfapp.cli.app import app
from tfapp.errors import DataError
from tfapp.workflows.predict import Predictor
from tfapp.workflows.predict_files import FileResult, find_files, predict_files


def lengths(texts: Sequence[str]) -> dict[str, np.ndarray]:
    if any("refuse me" in text for text in texts):
        raise ValueError("too strange")
    return {"score": np.array([len(text) for text in texts], np.float32)}


MODEL = Predictor(Path("model"), "one", (), lengths)


def score(files: Sequence[Path], folder: Path, model: Predictor = MODEL, **options: Any) -> list[FileResult]:
    return list(predict_files(model, files, folder, **{"columns": {"text": "text"}, "batch_rows": 3, **options}))


def write(file: Path, texts: Sequence[str]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return file


def read(file: Path | None) -> list[dict[str, Any]]:
    assert file is not None
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "in" / f"{name}.jsonl", [name * size for size in range(1, 9)]) for name in "ab"]


def test_each_file_has_its_own_with_its_rows_in_order(files: list[Path], tmp_path: Path) -> None:
    results = score(files, tmp_path / "out")
    assert [(result.rows, result.rejected, result.error) for result in results] == [(8, 0, "")] * 2
    for file, result in zip(files, results, strict=True):
        assert result.target == tmp_path / "out" / file.name
        assert [(row["text"], row["predicted_score"]) for row in read(result.target)] == [
            (row["text"], len(row["text"])) for row in read(file)
        ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".finished", "a.jsonl", "b.jsonl"]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_rows_that_fail_are_set_aside_with_line_or_row_and_reason(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    lines = ['{"text": "a"}', "no json", '{"text": ["b"]}', '{"text": "ccc"}', '{"text": "refuse me"}', "[1]"]
    file.write_text("\n".join(lines) + '\n{"text": null}\n', encoding="utf-8")
    (result,) = score([file], tmp_path / "out")
    assert (result.rows, result.rejected) == (3, 4)
    assert [row["text"] for row in read(result.target)] == ["a", "ccc", None]
    rejected = read(result.rejected_file)
    assert [(row.get("line"), row.get("row")) for row in rejected] == [(2, None), (None, 2), (6, None), (None, 4)]
    reasons = " ".join(row["reason"] for row in rejected)
    for part in (
        "not valid JSON",
        "is no text but a list",
        "the model refuses it: too strange",
        "JSON object, got list",
    ):
        assert part in reasons


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_a_line_of_another_width_is_set_aside(suffix: str, tmp_path: Path) -> None:
    file, separator = tmp_path / f"in{suffix}", "," if suffix == ".csv" else "\t"
    file.write_text("\n".join([f"text{separator}id", f"a{separator}1", "b", f"c{separator}2", ""]))
    (result,) = score([file], tmp_path / "out")
    assert (result.rows, result.rejected) == (2, 1)
    assert read(result.rejected_file)[0]["line"] == 3


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_scored(files: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "in" / "aa.csv"
    broken.write_text('text\n"never closed\n')
    no_text = write(tmp_path / "in" / "ab.jsonl", ["x"])
    no_text.write_text('{"body": "x"}\n')
    results = score([files[0], broken, no_text, files[1]], tmp_path / "out")
    assert [bool(result.error) for result in results] == [False, True, True, False]
    assert "never closed" in results[1].error
    assert 'no column "text"' in results[2].error or "text" in results[2].error
    assert not (tmp_path / "out" / "aa.csv").exists()


def test_a_model_that_fails_on_everything_is_no_row_s_fault(files: list[Path], tmp_path: Path) -> None:
    def broken(texts: Sequence[str]) -> dict[str, np.ndarray]:
        raise ValueError(f"no graph for {len(texts)}")

    with pytest.raises(ValueError, match="no graph"):
        score(files, tmp_path / "out", Predictor(Path("model"), "one", (), broken))
    assert not (tmp_path / "out" / "a.jsonl").exists()


@pytest.mark.parametrize("count", [0, 3])
def test_a_row_that_is_refused_alone_in_its_part_is_set_aside(count: int, tmp_path: Path) -> None:
    file = write(tmp_path / "in.jsonl", ["a"] * count + ["refuse me"])
    (result,) = score([file], tmp_path / "out")
    assert (result.rows, result.rejected) == (count, 1)
    assert read(result.rejected_file)[0]["row"] == count + 1


class _Ended(BaseException):
    pass


def counting(most: int) -> tuple[Predictor, list[str]]:
    asked: list[str] = []

    def answer(texts: Sequence[str]) -> dict[str, np.ndarray]:
        if len(asked) + len(texts) > most:
            raise _Ended
        asked.extend(texts)
        return lengths(texts)

    return Predictor(Path("model"), "one", (), answer), asked


@pytest.mark.parametrize("most", [0, 3, 7, 10, 15])
def test_a_run_that_ended_goes_on_and_no_row_is_lost_or_doubled(most: int, files: list[Path], tmp_path: Path) -> None:
    for file in files:
        file.write_text(file.read_text() + 'broken\n{"text": "last"}\n')
    whole = score(files, tmp_path / "whole")
    ending_model, _ = counting(most)
    with pytest.raises(_Ended):
        score(files, tmp_path / "out", ending_model)
    model, asked = counting(99)
    results = score(files, tmp_path / "out", model)
    assert len(asked) <= 18 - most // 3 * 3 + 3
    for result, expected in zip(results, whole, strict=True):
        assert read(result.target) == read(expected.target)
        assert read(result.rejected_file) == read(expected.rejected_file)
        assert (result.rows, result.rejected) == (9, 1)


def test_finished_files_stay_until_something_is_different(files: list[Path], tmp_path: Path) -> None:
    score(files, tmp_path / "out")
    model, asked = counting(99)
    results = score(files, tmp_path / "out", model)
    assert asked == []
    assert [(result.rows, result.seconds) for result in results] == [(8, 0.0)] * 2
    write(files[0], ["new"])
    score(files, tmp_path / "out", model)
    assert asked == ["new"]
    (tmp_path / "out" / "b.jsonl").write_text("changed")
    score(files, tmp_path / "out", model)
    assert len(asked) == 9
    score(files, tmp_path / "out", Predictor(Path("model"), "two", (), model.answer))
    assert len(asked) == 18
    score(files, tmp_path / "out", model, resume=False)
    assert len(asked) == 27


def test_files_are_found_by_folders_and_patterns(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "in" / "notes.md").touch()
    assert find_files([str(tmp_path / "in")]) == files
    assert find_files([str(tmp_path / "in" / "*.jsonl"), str(files[0])]) == files
    assert find_files([str(tmp_path / "**" / "b.jsonl")]) == files[1:]
    with pytest.raises(DataError, match="no such file, folder or pattern"):
        find_files([str(tmp_path / "in" / "*.csv")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no data file is in it"):
        find_files([str(tmp_path / "empty")])
    other = write(tmp_path / "other" / "a.jsonl", ["x"])
    with pytest.raises(DataError, match=r"would both become a\.jsonl; rename one"):
        find_files([str(files[0]), str(other)])


def test_the_command_prints_a_line_a_file_and_one_for_all(toy_run: Run, files: list[Path], tmp_path: Path) -> None:
    files[0].write_text(files[0].read_text() + "broken\n")
    arguments = ["predict", str(toy_run.path), str(tmp_path / "in"), "--output-dir", str(tmp_path / "out")]
    output = CliRunner().invoke(app, arguments).stdout
    assert f"8 rows scored: {tmp_path / 'out' / 'a.jsonl'}; 1 row set aside" in output
    assert "2 files, 16 rows, " in output
    lines = [json.loads(line) for line in CliRunner().invoke(app, [*arguments, "--json"]).stdout.splitlines()]
    assert [(line["rows"], line["rejected"]) for line in lines] == [(8, 1), (8, 0), (16, 1)]
    assert lines[-1]["failed"] == 0
    (tmp_path / "in" / "c.csv").write_text('text\n"open\n')
    result = CliRunner().invoke(app, arguments)
    assert "1 file could not be scored" in str(result.exception)


@pytest.mark.slow
def test_five_kills_lose_and_double_nothing(toy_run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(11)
    files = [
        write(
            tmp_path / "in" / f"{name}.jsonl", [f"ball {name} {' goal' * random.integers(0, 20)}" for _ in range(3000)]
        )
        for name in "abc"
    ]
    arguments = ["predict", toy_run.path, *files, "--output-dir", tmp_path / "out", "--batch-rows", "64"]
    for _ in range(5):
        parts = len(list((tmp_path / "out").glob("*.parts/*")) if (tmp_path / "out").exists() else [])
        goal = parts + int(random.integers(2, 12))
        kill_when(lambda goal=goal: len(list((tmp_path / "out").glob("*.parts/*"))) >= goal, *arguments)
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0
    for file in files:
        texts = [row["text"] for row in read(file)]
        rows = read(tmp_path / "out" / file.name)
        assert [row["text"] for row in rows] == texts
        expected = toy_run.predict(texts)["score"]
        np.testing.assert_allclose([row["predicted_score"] for row in rows], expected, atol=1e-4)
