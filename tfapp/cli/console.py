"""Implements `tfapp console`, which serves the web application."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tfapp.apps.shared.cli_options import SECRETS_HELP, needs_applications
from tfapp.core.command_options import warn_of_secrets
from tfapp.core.ports import join_address
from tfapp.core.terminal import console as screen
from tfapp.core.terminal import log_to_stderr
from tfapp.errors import SettingsError

if TYPE_CHECKING:
    from tfapp.web.access import Access

__all__ = ["console"]

_PASSWORD: Final = "TFAPP_CONSOLE_PASSWORD"
_access = partial(typer.Option, rich_help_panel="Who may open it")


def console(
    *,
    home: Annotated[Path, typer.Option(help="The folder with support, monitor, recommend and feedback.")] = Path(),
    models: Annotated[Path | None, typer.Option(help="The models folder; by default HOME/models.")] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help=f"HOST:PORT of a model server; by default one is started for each models folder. {SECRETS_HELP}"
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(callback=warn_of_secrets, help="The labels' database; by default a SQLite file in HOME/feedback."),
    ] = None,
    host: Annotated[str, _access(help="The address to listen on; 0.0.0.0: all.")] = "127.0.0.1",
    port: Annotated[int, _access(min=0, max=65535, help="The port; 0: any free one.")] = 8600,
    password_file: Annotated[
        Path | None, _access(help=f"A file with the password; by default {_PASSWORD} holds it.")
    ] = None,
    name: Annotated[list[str] | None, _access(help="A host name of the console, beside this machine's own.")] = None,
    tls_certificate: Annotated[Path | None, _access(help="Serve HTTPS with this certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, _access(help="Its private key (PEM).")] = None,
) -> None:
    """Shows models, customer service, monitor, recommendations and labelling in a browser, until it is stopped."""
    with needs_applications():
        from tfapp.apps.shared.database_url import parse_url
        from tfapp.console.app import make_app
        from tfapp.console.console_server import listen, run
        from tfapp.console.console_state import ConsoleState
        from tfapp.web.access import Access
    if not home.is_dir():
        raise SettingsError(f"--home {home}: no such folder; make it, or choose another")
    if database is not None:
        parse_url(database)
    log_to_stderr()
    tls = _tls_files(tls_certificate, tls_key)
    access = Access(host, port, _password(password_file), tuple(name or ()), tls)
    listener = listen(access)
    for line in access.security_warnings:
        logging.getLogger(__name__).warning(line)
    access = replace(access, port=listener.getsockname()[1])
    app = make_app(ConsoleState(home, models=models, server=server, database=database), access)
    run(app, access, listener, on_ready=lambda: _say_ready(access))


def _say_ready(access: Access) -> None:
    host = "localhost" if access.host in ("0.0.0.0", "::") else access.host
    out = screen()
    scheme = "https" if access.tls else "http"
    out.print(f"console on {scheme}://{join_address(host, access.port)}; stop with Ctrl-C", soft_wrap=True)
    if access.password is not None and not access.tls:
        out.print("the password travels in plain text; --tls-certificate and --tls-key encrypt it", soft_wrap=True)
    out.file.flush()


def _password(file: Path | None) -> str | None:
    """Returns the password of the file or the environment: the command line would show it to all on this machine."""
    if file is None:
        return os.environ.get(_PASSWORD) or None
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--password-file {file}: cannot be read: {error}") from error


def _tls_files(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("--tls-certificate and --tls-key go together; give both")
    for file in (certificate, key):
        if not file.is_file():
            raise SettingsError(f"{file}: no such file; --tls-certificate and --tls-key are PEM files")
    return certificate, key
