"""kill -9 during export: nobody ever sees a version that is not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.processes import call, complaint, kill_when
from tfapp import Run, api, registry

TEXTS = ["the ball and the goal", "bank price", ""]


@pytest.fixture
def models(toy_models: Path, tmp_path: Path) -> Path:
    """A models folder with version 1."""
    return Path(shutil.copytree(toy_models, tmp_path / "models"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def staging_folders(models: Path) -> list[Path]:
    return [path for path in models.iterdir() if path.name.startswith(".")]


def assert_served(models: Path, run: Run, version: int) -> None:
    """A server over the folder serves the version, and it is whole."""
    with api.serve(models) as server:
        (status,) = server.client.status("toy")
        assert (status.version, status.state) == (version, "AVAILABLE")
        answers = server.client.classify("toy", TEXTS)
    expected = run.predict(TEXTS)["score"]
    np.testing.assert_allclose([answer.score for answer in answers], expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["saved_model.pb", "variables", "assets.extra/tfapp.json", "README.md"])
def test_a_killed_export_leaves_the_earlier_version_as_it_was(toy_run: Run, models: Path, name: str) -> None:
    contents = files(models / "toy" / "1")
    kill_when(lambda: any(models.glob(f".staging-*/{name}")), "export", toy_run.path, "--to", models)
    # Killed after the last file was written, it may have been published in the same moment, and whole then.
    newest = registry.latest(models, "toy")
    assert newest == 1 or (newest == 2 and name == "README.md")
    assert files(models / "toy" / "1") == contents
    assert registry.models(models) == ["toy"]
    assert_served(models, toy_run, newest)

    result = call("export", toy_run.path, "--to", models, "--json")
    assert (result.code, result.err) == (0, "")
    path = models / "toy" / str(newest + 1)
    callers = {"with_label": {}, "without_label": newest + 1}
    assert json.loads(result.out) == {"model": "toy", "version": newest + 1, "path": str(path), "callers": callers}
    assert staging_folders(models) == []
    assert set(files(path)) == set(contents)


@pytest.mark.slow
def test_a_first_export_that_is_killed_leaves_no_model(toy_run: Run, tmp_path: Path) -> None:
    models = tmp_path / "models"
    kill_when(lambda: bool(models.is_dir() and staging_folders(models)), "export", toy_run.path, "--to", models)
    assert staging_folders(models)
    assert registry.models(models) == []
    assert "no model in it" in complaint(call("serve", models))
    assert "neither a run nor an exported model" in complaint(call("predict", models / "toy", "a text"))
    assert api.export(toy_run, models, quiet=True) == models / "toy" / "1"
    assert staging_folders(models) == []
    assert_served(models, toy_run, 1)
