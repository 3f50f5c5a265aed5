"""Finds the positions of the fields in a text proto, so that one can be changed and all else, comments too, stays.

The text must be one that protobuf's own parser takes (https://protobuf.dev/reference/protobuf/textformat-spec/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Field", "find_fields", "insert_after", "line_indent", "remove"]

# What neither group takes is white space and comments.
_TOKEN: Final = re.compile(
    r"""\s+ | \#[^\n]*
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<other>[{}<>\[\]:;,]|[^\s"'{}<>\[\]:;,\#]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES: Final = {"{": "}", "<": ">"}


@dataclass(frozen=True)
class Field:
    """A field with its position in the text, or an element of a list of messages.

    Attributes:
        name: Its name.
        start: Where it begins: its name, or in a list the element.
        value: Where its value begins.
        end: Where its value ends.
        inner_end: Messages: the position of the closing bracket.
        children: Messages: the fields in it.
    """

    name: str
    start: int
    value: int
    end: int
    inner_end: int = -1
    children: tuple[Field, ...] = ()

    def all(self, *path: str) -> list[Field]:
        """Returns the fields under a path of names, in order."""
        if not path:
            return [self]
        return [field for child in self.children if child.name == path[0] for field in child.all(*path[1:])]


def find_fields(text: str) -> Field:
    """Returns a whole message in text format as one field without a name, with all fields in it."""
    return Field("", 0, 0, len(text), len(text), tuple(_Scanner(text).fields("")))


class _Scanner:
    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _TOKEN.finditer(text) if token.lastgroup]
        self._index = 0

    def fields(self, closes: str) -> Iterator[Field]:
        while self._text() != closes:
            yield from self._field()
            self._skip(",", ";")

    def _field(self) -> Iterator[Field]:
        name = self._next()
        if name.group() == "[":
            self._skip_to_bracket()
        self._skip(":")
        if self._text() == "[":
            yield from self._list(name)
        elif self._text() in _CLOSES:
            yield self._message(name.group(), name.start())
        else:
            yield self._scalar(name)

    def _message(self, name: str, start: int) -> Field:
        opening = self._next()
        children = tuple(self.fields(_CLOSES[opening.group()]))
        token = self._next()
        return Field(name, start, opening.start(), token.end(), token.start(), children)

    def _list(self, name: re.Match[str]) -> Iterator[Field]:
        opening = self._next()
        if self._text() not in _CLOSES:
            yield Field(name.group(), name.start(), opening.start(), self._skip_to_bracket())
            return
        while self._text() in _CLOSES:
            yield self._message(name.group(), self._tokens[self._index].start())
            self._skip(",")
        self._next()

    def _scalar(self, name: re.Match[str]) -> Field:
        first = last = self._next()
        while last.lastgroup == "string" and self._text()[:1] in ('"', "'"):
            last = self._next()
        if first.group() == "-":
            last = self._next()
        return Field(name.group(), name.start(), first.start(), last.end())

    def _text(self) -> str:
        return self._tokens[self._index].group() if self._index < len(self._tokens) else ""

    def _next(self) -> re.Match[str]:
        self._index += 1
        return self._tokens[self._index - 1]

    def _skip(self, *marks: str) -> None:
        self._index += self._text() in marks

    def _skip_to_bracket(self) -> int:
        while (last := self._next()).group() != "]":
            pass
        return last.end()


def insert_after(text: str, field: Field, new: str) -> str:
    """Inserts a field behind another: on a line of its own where that one ends its line."""
    # The end of the line, if only separators and a comment follow on it.
    match = re.compile(r"[ \t]*[,;]?[ \t]*(#[^\n]*)?(?=\n|\Z)").match(text, field.end)
    if match is None:
        return f"{text[: field.end]} {new}{text[field.end :]}"
    addition = f"\n{new}".replace("\n", f"\n{line_indent(text, field.start)}")
    return text[: match.end()] + addition + text[match.end() :]


def remove(text: str, field: Field) -> str:
    """Removes a field, and its line where nothing else is on it."""
    start, end = field.start, field.end
    if text[end : end + 1] in (",", ";"):
        end += 1
    elif text[:start].rstrip().endswith(","):
        # The last of a list: the comma before it goes, too.
        start = len(text[:start].rstrip()) - 1
    line, line_end = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    first = not text[line:start].strip()
    if first and not text[end:line_end].strip():
        return text[:line] + text[line_end + 1 :]
    tail = text[end:].lstrip(" ")
    return text[:start] + tail if first else f"{text[:start].rstrip(' ')} {tail}"


def line_indent(text: str, position: int) -> str:
    """Returns the white space that the line at a position begins with."""
    line = text[text.rfind("\n", 0, position) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]
