"""Tests what the documentation shows, run as it stands."""

from __future__ import annotations

import doctest
import importlib
import re
import shlex
from pathlib import Path

import pytest
import tfapp_client
import trustme
from tfapp_client.arguments import parse_arguments
from tfapp_client.task_commands import COMMANDS

from tfapp.server import ModelServer

_README = (Path(tfapp_client.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
_PORT = "localhost:8500"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _README, re.DOTALL)


def test_the_examples_run(
    model_server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("me@example.org")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "me.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "me.pem")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in _blocks("python"):
        exec(compile(block.replace(_PORT, model_server.address), "README.md", "exec"), names)
    assert "Servable not found for request: Latest(no-such-model)" in capsys.readouterr().out


def test_the_commands_are_understood() -> None:
    lines = [line for block in _blocks("sh") for line in block.splitlines() if line.startswith("tfapp-client ")]
    commands = {parse_arguments(shlex.split(line)[1:]).command for line in lines}
    assert commands == {*COMMANDS, "predict", "status", "metadata", "bench"}


@pytest.mark.parametrize("module", ["client", "async_client", "testing"])
def test_the_docstrings_are_right(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"tfapp_client.{module}"))
    assert (result.attempted > 0, result.failed) == (True, 0)
