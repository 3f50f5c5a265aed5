"""The command that starts a server under test."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["EMBEDDED", "ServerCommand", "parse_command"]

_NEEDED: Final = ("model_config_file", "port")
_KNOWN: Final = (*_NEEDED, "rest_port", "folder", "flags")
_PLACEHOLDER: Final = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True)
class ServerCommand:
    """Words with placeholders in them."""

    words: tuple[str, ...]

    def names(self, placeholder: str) -> bool:
        """Returns whether a placeholder stands in it."""
        return any(f"{{{placeholder}}}" in word for word in self.words)

    def fill(self, values: Mapping[str, object], flags: Sequence[str] = ()) -> list[str]:
        """The command for one server; the flags go where {flags} stands, at the end otherwise."""
        words: list[str] = []
        for word in self.words if self.names("flags") else (*self.words, "{flags}"):
            if word == "{flags}":
                words += flags
            else:
                words.append(_PLACEHOLDER.sub(lambda match: str(values[match[1]]), word))
        return words


def parse_command(text: str) -> ServerCommand:
    """Reads a command as a shell would, without its variables.

    Raises:
        argparse.ArgumentTypeError: A quote has no end, a placeholder is unknown, or one that is needed is missing.
    """
    try:
        command = ServerCommand(tuple(shlex.split(text)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error
    names = _PLACEHOLDER.findall(text)
    unknown = [name for name in names if name not in _KNOWN]
    if unknown:
        placeholders = ", ".join(f"{{{name}}}" for name in _KNOWN)
        raise argparse.ArgumentTypeError(f"no placeholder {{{unknown[0]}}}; there are {placeholders}")
    missing_names = [name for name in _NEEDED if name not in names]
    if missing_names:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not say where the {missing_names[0]} goes: {{{missing_names[0]}}}"
        )
    if command.names("flags") and "{flags}" not in command.words:
        raise argparse.ArgumentTypeError("{flags} must be a word of its own: it stands for several")
    return command


EMBEDDED: Final = (
    f"{shlex.quote(sys.executable)} -m tfapp serve "
    "--model_config_file={model_config_file} --port={port} --rest_api_port={rest_port} "
    "--allow_reload --allow_unsafe_ops"
)
