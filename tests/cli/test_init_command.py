"""`tfapp init`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from tfapp.cli.init import init
from tfapp.errors import TfappError
from tfapp.tasks.experiments import load_experiment


def _run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(init)
    return CliRunner().invoke(app, list(arguments))


def test_a_settings_file_is_written_and_said_so(tmp_path: Path) -> None:
    file, target = tmp_path / "news.csv", tmp_path / "e.toml"
    file.write_text("article,section\n" + "".join(f"some words number {i},{'ab'[i % 2]}\n" for i in range(40)))
    result = _run(str(file), "--output", str(target), "--name", "mine")
    assert result.exit_code == 0
    assert 'labels: column "section"' in result.stdout
    assert f"tfapp train {target}" in result.stdout
    experiment = load_experiment(target)
    assert (experiment.name, experiment.data.text, experiment.data.label) == ("mine", "article", "section")
    assert ": about 40 rows." in target.read_text(encoding="utf-8")
    assert isinstance(_run(str(file), "--output", str(target)).exception, TfappError)
    assert _run(str(file), "--output", str(target), "--force").exit_code == 0


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    error = _run(str(tmp_path / "none.csv")).exception
    assert isinstance(error, TfappError)
    assert "no such file" in str(error)
