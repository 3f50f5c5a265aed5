"""What a form sent, checked where it comes in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from starlette.datastructures import FormData, UploadFile

from tfapp.errors import SettingsError

__all__ = ["Form"]

_LONGEST: Final = 20_000
_MOST_LINES: Final = 100


class Form:
    """The fields of a form.

    Args:
        data: As Starlette read them.
    """

    def __init__(self, data: FormData | Mapping[str, str]) -> None:
        self._data = data if isinstance(data, FormData) else FormData(data)

    def text(self, name: str, *, longest: int = _LONGEST) -> str:
        """A field's text, line ends as line feeds; empty where it is missing.

        Raises:
            SettingsError: It is too long.
        """
        value = self._data.get(name, "")
        text = value.replace("\r\n", "\n") if isinstance(value, str) else ""
        if len(text) > longest:
            raise SettingsError(f"{name}: at most {longest} characters, got {len(text)}")
        return text

    def needed(self, name: str, *, longest: int = _LONGEST) -> str:
        """The same of a field that must not be empty.

        Raises:
            SettingsError: It is, or it is too long.
        """
        text = self.text(name, longest=longest)
        if not text.strip():
            raise SettingsError(f"{name}: write something first")
        return text

    def lines(self, name: str, *, fewest: int = 1) -> list[str]:
        """The lines of a field that are not blank.

        Raises:
            SettingsError: There are too few or too many.
        """
        found = [line.strip() for line in self.text(name).split("\n") if line.strip()]
        if not fewest <= len(found) <= _MOST_LINES:
            raise SettingsError(f"{name}: give from {fewest} to {_MOST_LINES} lines, got {len(found)}")
        return found

    def choice(self, name: str, choices: Collection[str]) -> str:
        """A field that is one of some words.

        Raises:
            SettingsError: It is none of them.
        """
        value = self.text(name)
        if value not in choices:
            raise SettingsError(f"{name}: must be one of {', '.join(choices)}, got {value[:40]!r}")
        return value

    def number(self, name: str) -> int:
        """A whole number.

        Raises:
            SettingsError: It is none.
        """
        value = self.text(name, longest=20)
        if not (value.isascii() and value.isdigit()):
            raise SettingsError(f"{name}: must be a whole number, got {value[:20]!r}")
        return int(value)

    def several(self, name: str) -> list[str]:
        """All values of a field that may come more than once."""
        return [value for value in self._data.getlist(name) if isinstance(value, str) and value.strip()]

    def upload(self, name: str) -> UploadFile | None:
        """A file, if one was sent."""
        value = self._data.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None
