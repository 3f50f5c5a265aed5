"""pip's own settings of where packages come from, so that a mirror or a proxy set up for pip works here too.

The names and what they mean are pip's (its documentation, chapter Configuration).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["IndexSettings", "parse_config_list", "read_index_settings"]

# Later ones win. pip reads the section named after its command: what is done here is a `pip download`, and what
# people write down for `pip install` is meant for it as well.
_SECTIONS = ("global", "install", "download", ":env:")
_ALIASES = {"default-timeout": "timeout", "pypi-url": "index-url"}
_TRUE = {"y", "yes", "t", "true", "on", "1"}
_DEFAULT_TIMEOUT = 15.0  # pip's own, in seconds


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The settings of pip that say where packages come from and how they are reached.

    Attributes:
        index_url: The package index; None: the public one.
        extra_index_urls: Further indexes.
        find_links: Folders, or pages of links, that are looked through first.
        no_index: Use `find_links` alone.
        trusted_hosts: Hosts, or host:port, whose certificate is not checked.
        cert: A file or folder of certificate authorities, instead of the system's.
        client_cert: A file with the client's own key and certificate.
        proxy: The proxy's URL; None: what the environment says.
        timeout: Seconds without an answer before a connection is given up.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout: float = _DEFAULT_TIMEOUT


def read_index_settings(
    config_list: Callable[[], str] | None = None, environ: Mapping[str, str] | None = None
) -> IndexSettings:
    """Reads pip's configuration files and its `PIP_*` environment variables; the latter win.

    Args:
        config_list: Returns what `pip config list` prints; by default runs this Python's pip. An environment without
            pip has the variables alone.
        environ: The environment variables; by default the process's own.
    """
    values = parse_config_list((config_list or _run_config_list)())
    for name, value in (os.environ if environ is None else environ).items():
        if name.startswith("PIP_") and value:
            _put(values, name.removeprefix("PIP_"), value)
    return _settings(values)


def parse_config_list(text: str) -> dict[str, str]:
    """Parses the output of `pip config list` into values by name, as pip would use them.

    The environment wins over a command's section, and that over the global one.
    """
    values: dict[str, str] = {}
    for section in _SECTIONS:
        for name, literal in re.findall(rf"(?m)^\s*{section}\.([^.=\n]+)=(.*)$", text):
            if value := _unquote(literal.strip()):
                _put(values, name, value)
    return values


def _put(values: dict[str, str], name: str, value: str) -> None:
    name = name.lower().replace("_", "-")
    values[_ALIASES.get(name, name)] = value


def _unquote(literal: str) -> str:
    try:
        return str(ast.literal_eval(literal))
    except (SyntaxError, ValueError):
        return literal


def _settings(values: Mapping[str, str]) -> IndexSettings:
    def several(name: str) -> tuple[str, ...]:
        return tuple(values.get(name, "").split())

    return IndexSettings(
        index_url=values.get("index-url"),
        extra_index_urls=several("extra-index-url"),
        find_links=several("find-links"),
        no_index=values.get("no-index", "").lower() in _TRUE,
        trusted_hosts=several("trusted-host"),
        cert=values.get("cert"),
        client_cert=values.get("client-cert"),
        proxy=values.get("proxy"),
        timeout=_seconds(values.get("timeout", "")),
    )


def _seconds(value: str) -> float:
    try:
        return max(float(value), 1.0)
    except ValueError:
        return _DEFAULT_TIMEOUT


def _run_config_list() -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return process.stdout if process.returncode == 0 else ""
