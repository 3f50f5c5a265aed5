"""Tests that a run becomes an ONNX model that answers alike, or nothing at all."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import tfapp
from tfapp import Run
from tfapp.cli.app import app
from tfapp.errors import ExportError, SettingsError
from tfapp.exports.onnx.decoder.text_model import TextModel
from tfapp.exports.onnx.graph import Graph


@pytest.fixture(scope="module")
def exported(toy_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tfapp.export(toy_run, tmp_path_factory.mktemp("onnx"), format="onnx", quiet=True)


def test_it_answers_as_the_run_does(toy_run: Run, exported: Path) -> None:
    texts = ["the ball", "bank price", "", "a new phone"]
    answers, expected = TextModel(exported)(texts), toy_run.predict(texts)
    assert answers["label"].tolist() == expected["label"].tolist()
    np.testing.assert_allclose(answers["probabilities"], expected["probabilities"], atol=1e-5)
    assert exported.name == "toy"
    assert sorted(file.name for file in exported.iterdir()) == [
        *("README.md", "model.json", "model.onnx", "text_model.py", "tokenizer.json")
    ]


def test_another_export_takes_its_place(toy_run: Run, exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "toy")
    (tmp_path / "toy" / "old.txt").touch()
    folder = tfapp.export(toy_run, tmp_path, format="onnx", overrides=["export.max_length=8"], quiet=True)
    assert json.loads((folder / "model.json").read_text())["max_length"] == 8
    assert not (folder / "old.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_what_is_no_onnx_model_is_not_replaced(toy_run: Run, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "mine.txt").touch()
    with pytest.raises(SettingsError, match=r"no ONNX model, so it is not replaced; choose another folder by --to"):
        tfapp.export(toy_run, tmp_path, format="onnx", quiet=True)
    assert (tmp_path / "toy" / "mine.txt").exists()


def test_other_answers_are_refused_and_leave_nothing(
    toy_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norm = Graph.norm

    def wrong_norm(graph: Graph, x: str, layer: Any, *, name: str) -> str:
        return graph.op("Mul", norm(graph, x, layer, name=name), graph.weight(1.01))

    monkeypatch.setattr(Graph, "norm", wrong_norm)
    with pytest.raises(ExportError, match=r"differs from the Keras model's by .* nothing was published"):
        tfapp.export(toy_run, tmp_path, format="onnx", quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_data_are_gone_is_exported_all_the_same(toy_run: Run, tmp_path: Path) -> None:
    moved_run = tmp_path / "runs" / "toy" / "1"
    shutil.copytree(toy_run.path, moved_run)
    settings = moved_run / "settings.toml"
    settings.write_text(settings.read_text().replace(str(toy_run.experiment.data.train), str(tmp_path / "gone.jsonl")))
    assert (tfapp.export(moved_run, tmp_path / "onnx", format="onnx", quiet=True) / "model.onnx").is_file()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["export.precision=bfloat16"], "bfloat16: ONNX models are written in float32"),
        (["training.epochs=3"], "only those of export"),
    ],
)
def test_settings_that_do_not_fit_are_named(overrides: list[str], message: str, toy_run: Run, tmp_path: Path) -> None:
    with pytest.raises((ExportError, SettingsError), match=message):
        tfapp.export(toy_run, tmp_path, format="onnx", overrides=overrides, quiet=True)


def test_a_missing_extra_is_named(toy_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ExportError, match=r"pip install 'tfapp\[onnx\]'"):
        tfapp.export(toy_run, tmp_path, format="onnx", quiet=True)


def test_another_format_is_refused(toy_run: Run, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="take savedmodel, onnx, huggingface"):
        tfapp.export(toy_run, tmp_path, format="pickle", quiet=True)  # type: ignore[arg-type]


def test_the_command_says_where_it_is(toy_run: Run, tmp_path: Path) -> None:
    arguments = ["export", str(toy_run.path), "--format=onnx", f"--to={tmp_path}"]
    result = CliRunner().invoke(app, arguments)
    assert f"Written to {tmp_path / 'toy'}; its README.md says how to call it." in result.stdout
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(result.stdout) == {"model": "toy", "path": str(tmp_path / "toy")}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset=minilm-l6"], "--format onnx needs a run's folder"),
        (["RUN", "--encoder=plain"], "leave it out with --format onnx"),
    ],
)
def test_options_of_saved_models_are_refused(arguments: list[str], message: str, toy_run: Run) -> None:
    values = [str(toy_run.path) if value == "RUN" else value for value in arguments]
    result = CliRunner().invoke(app, ["export", "--format=onnx", *values])
    assert message in str(result.exception)
