"""Finds the places of the fields in a text proto, so that one can be changed and all else, comments too, stays.

The text must be one that protobuf's own parser takes (https://protobuf.dev/reference/protobuf/textformat-spec/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Field", "find_fields", "insert_after", "line_indent", "remove"]

_TOKEN: Final = re.compile(
    r"""(?P<space>[\s\v\f]+|\#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<mark>[{}<>\[\]:;,])
      | (?P<word>[^\s"'{}<>\[\]:;,\#]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES: Final = {"{": "}", "<": ">"}


@dataclass(frozen=True)
class Field:
    """A field with its place in the text, or an element of a list of messages.

    Attributes:
        name: Its name.
        start: Where it begins: its name, or in a list the element.
        value: Where its value begins.
        end: Where its value ends.
        inner_end: Messages: the place of the closing bracket.
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


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def find_fields(text: str) -> Field:
    """Finds all fields of a text.

    Args:
        text: A message in text format.

    Returns:
        The whole text as one field without a name.

    Raises:
        ValueError: The text is not one that protobuf's parser takes.
    """
    scanner = _Scanner(text)
    children = tuple(scanner.fields(""))
    return Field("", 0, 0, len(text), len(text), children)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._tokens = [token for token in _tokens(text) if token.kind != "space"]
        self._at = 0

    def fields(self, closes: str) -> Iterator[Field]:
        while self._text() != closes:
            yield from self._field()
            if self._text() in (",", ";"):
                self._next()

    def _field(self) -> Iterator[Field]:
        name = self._next()
        if name.text == "[":
            while self._next().text != "]":
                pass
        elif name.kind != "word":
            raise ValueError(f"unexpected {name.text} at {name.start}")
        if self._text() == ":":
            self._next()
        if self._text() == "[":
            yield from self._list(name)
        elif self._text() in _CLOSES:
            yield self._message(name.text, name.start)
        else:
            yield self._scalar(name)

    def _message(self, name: str, start: int) -> Field:
        opened = self._next()
        children = tuple(self.fields(_CLOSES[opened.text]))
        closed = self._next()
        return Field(name, start, opened.start, closed.end, closed.start, children)

    def _list(self, name: _Token) -> Iterator[Field]:
        opened = self._next()
        if self._text() not in _CLOSES:
            while (last := self._next()).text != "]":
                pass
            yield Field(name.text, name.start, opened.start, last.end)
            return
        while self._text() in _CLOSES:
            yield self._message(name.text, self._tokens[self._at].start)
            if self._text() == ",":
                self._next()
        self._next()

    def _scalar(self, name: _Token) -> Field:
        first = last = self._next()
        while last.kind == "string" and self._kind() == "string":
            last = self._next()
        if first.text == "-":
            last = self._next()
        return Field(name.text, name.start, first.start, last.end)

    def _text(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise ValueError("unexpected end")
        self._at += 1
        return self._tokens[self._at - 1]


def insert_after(text: str, field: Field, new: str) -> str:
    """Inserts a field behind another: on a line of its own where that one ends its line."""
    end = _line_end(text, field.end)
    if end is None:
        return f"{text[: field.end]} {new}{text[field.end :]}"
    indent = line_indent(text, field.start)
    return f"{text[:end]}\n{_indented(new, indent)}{text[end:]}"


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
    rest = text[end:].lstrip(" ")
    return text[:start] + rest if first else f"{text[:start].rstrip(' ')} {rest}"


def line_indent(text: str, place: int) -> str:
    """Returns the white space that the line of a place begins with."""
    line = text[text.rfind("\n", 0, place) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _line_end(text: str, place: int) -> int | None:
    """Returns the end of the place's line, if only separators and a comment follow on it."""
    match = re.compile(r"[ \t]*[,;]?[ \t]*(#[^\n]*)?(?=\n|\Z)").match(text, place)
    return match.end() if match else None


def _indented(new: str, indent: str) -> str:
    return "\n".join(indent + line for line in new.split("\n"))


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"unexpected {text[place]!r} at {place}")
        yield _Token(match.lastgroup or "", match.group(), place, match.end())
        place = match.end()
