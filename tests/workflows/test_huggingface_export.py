"""Tests that a run becomes a folder for Transformers, or nothing at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tfapp
from tests.toy import toy_experiment
from tfapp import Run
from tfapp.cli.app import app
from tfapp.errors import ExportError, SettingsError
from tfapp.tasks.experiments import parse_experiment


@pytest.fixture(scope="module")
def cls_run(bare_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    values = toy_experiment(bare_preset, toy_data, model={"pooling": "cls"}, training={"epochs": 1})
    return tfapp.fit(parse_experiment(values), runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_the_folder_is_there_and_is_replaced(cls_run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(app, ["export", str(cls_run.path), "--format=huggingface", f"--to={tmp_path}"])
        assert f"Written to {tmp_path / 'toy'}" in result.stdout
    assert {file.name for file in (tmp_path / "toy").iterdir()} == {
        *("README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
    }


def test_what_cannot_be_expressed_leaves_nothing(toy_run: Run, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no class of Transformers expresses the model: model.pooling is mean"):
        tfapp.export(toy_run, tmp_path, format="huggingface", quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_another_folder_is_not_replaced(cls_run: Run, tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    with pytest.raises(SettingsError, match="is no Hugging Face model, so it is not replaced"):
        tfapp.export(cls_run, tmp_path, format="huggingface", quiet=True)


def test_a_missing_extra_is_named(cls_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tfapp.exports.huggingface.write", raising=False)
    monkeypatch.delitem(sys.modules, "tfapp.models.tokenizer_file", raising=False)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ExportError, match=r"pip install 'tfapp\[huggingface\]'"):
        tfapp.export(cls_run, tmp_path, format="huggingface", quiet=True)
