"""Tests the options that commands share."""

from __future__ import annotations

from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from tfapp.core.command_options import warn_of_secrets

_VARIABLE = "TFAPP_TEST_ADDRESS"


def _complaints(*arguments: str, **environment: str) -> str:
    app = typer.Typer()

    @app.command()
    def call(
        address: Annotated[str | None, typer.Option(callback=warn_of_secrets, envvar=_VARIABLE)] = None,
        overrides: Annotated[list[str] | None, typer.Option("--set", callback=warn_of_secrets)] = None,
    ) -> None:
        print(address, overrides)

    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--address", "postgresql://me:s3cret@host/name"),
        ("--address", "http://:s3cret@host"),
        ("--address", "postgresql://host/name?password=s3cret"),
        ("--set", "history=7", "--set", "database=postgresql://me:s3cret@host/name"),
        ("--set", "smtp.password=s3cret"),
        ("--set", "listen_token=s3cret"),
    ],
)
def test_a_secret_on_the_command_line_is_one_line_without_it(arguments: tuple[str, ...]) -> None:
    complaint = _complaints(*arguments)
    assert complaint.startswith(f"tfapp: warning: {arguments[0]} has a password or token")
    assert len(complaint.splitlines()) == 1
    assert "s3cret" not in complaint


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--address", "sqlite:///file.db"),
        ("--address", "postgresql://me@host:5432/name"),
        ("--address", "http://localhost:5000"),
        ("--set", "max_tokens=128"),
    ],
)
def test_no_secret_is_no_line(arguments: tuple[str, ...]) -> None:
    assert _complaints(*arguments) == ""


def test_a_secret_of_the_environment_is_no_line() -> None:
    assert _complaints(**{_VARIABLE: "http://me:s3cret@host"}) == ""
