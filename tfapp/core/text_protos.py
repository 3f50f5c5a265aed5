"""Reads protocol buffers in text format, and says in one line where a file is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from tfapp.errors import SettingsError

__all__ = ["parse_text_proto", "read_text_proto"]


def read_text_proto(path: Path | str, message: Any) -> Any:
    """Fills an empty message from a file in text format, and returns it.

    Raises:
        SettingsError: The file cannot be read or is malformed; names file, line and what is wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text; expected a protocol buffer in text format") from error
    return parse_text_proto(text, message, path)


def parse_text_proto(text: str, message: Any, path: Path | str) -> Any:
    """Fills an empty message from text, and returns it; `path` is where the text is from, for the error.

    Raises:
        SettingsError: It is malformed; names file, line and what is wrong.
    """
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise SettingsError(f"{path}{_position(error, text)}: {_reason(error, text)}") from error


def _position(error: Any, text: str) -> str:
    line = error.GetLine()
    if line is None:
        return ""
    # What is missing at the end of a file is said of the line after it.
    return f", line {min(line, max(1, len(text.splitlines())))}"


def _reason(error: Any, text: str) -> str:
    """Returns the parser's own text without the position and the copy of the line that it begins with."""
    reason = str(error).removeprefix(f"{error.GetLine()}:{error.GetColumn()} : ")
    for line in [*text.splitlines(), ""]:
        reason = reason.removeprefix(f"'{line}': ")
    return " ".join(reason.split())
