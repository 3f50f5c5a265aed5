"""Defines the options of commands that move labels on running servers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from tfapp_client.environment_variables import TLS_CERTIFICATE, TLS_KEY, TLS_ROOT, TOKEN

from tfapp.cli._shared_options import add_options
from tfapp.errors import SettingsError
from tfapp.workflows.deploy import Servers

__all__ = ["with_servers"]

_option = functools.partial(typer.Option, rich_help_panel="Running servers")

_ServerOption: TypeAlias = Annotated[
    list[str] | None,
    _option(
        help="HOST:PORT of a server that reads the file: load the version there first, then move the label, and wait "
        "until the server has both. May be repeated."
    ),
]
_ReloadOption: TypeAlias = Annotated[
    bool,
    _option(
        "--reload",
        help="Send the file to the servers, if they do not poll it; this replaces everything that they serve.",
    ),
]
_TimeoutOption: TypeAlias = Annotated[float, _option(min=0, help="How long to wait for a server, in seconds.")]
_TlsRootOption: TypeAlias = Annotated[
    Path | None,
    _option(help=f"Certificates to check the servers' against (PEM); by default {TLS_ROOT} names them."),
]
_TlsKeyOption: TypeAlias = Annotated[
    Path | None, _option(help=f"Your private key, for mutual TLS (PEM); by default {TLS_KEY}.")
]
_TlsCertificateOption: TypeAlias = Annotated[
    Path | None,
    _option(help=f"Your certificate, for mutual TLS (PEM); by default {TLS_CERTIFICATE}."),
]
_TokenFileOption: TypeAlias = Annotated[
    Path | None, _option(help=f"A file that holds the bearer token; by default {TOKEN} holds it.")
]


def with_servers(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options of running servers, after its own.

    The command takes what they say as one argument, `servers`; None: no server was named.
    """
    return add_options(command, "servers", _read_servers)


def _read_servers(
    *,
    server: _ServerOption = None,
    reload: _ReloadOption = False,
    timeout: _TimeoutOption = 300.0,
    tls_root: _TlsRootOption = None,
    tls_key: _TlsKeyOption = None,
    tls_certificate: _TlsCertificateOption = None,
    token_file: _TokenFileOption = None,
) -> Servers | None:
    from tfapp_client import TlsFiles
    from tfapp_client.secrets import read_secrets

    if not server:
        if reload:
            raise SettingsError("--reload needs to know whom to send the file: give --server HOST:PORT")
        return None
    try:
        files = TlsFiles(tls_root, tls_key, tls_certificate)
    except ValueError as error:
        raise SettingsError(f"--tls-key and --tls-certificate: {error}") from error
    try:
        secrets = read_secrets(files, token_file=token_file)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"--token-file {token_file}: cannot be read: {error}") from error
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return Servers(tuple(server), reload=reload, timeout=timeout, tls=secrets.tls, token=secrets.token)
