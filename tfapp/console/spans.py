"""A text in pieces, some of them marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Piece", "Span", "pieces"]


@dataclass(frozen=True)
class Span:
    """A part of a text: the code points from `start` to before `end`, what it is, and how sure that is."""

    start: int
    end: int
    tag: str
    score: float


@dataclass(frozen=True)
class Piece:
    """A piece of a text; `span` is None where nothing is marked."""

    text: str
    span: Span | None = None


def pieces(text: str, spans: Iterable[Span]) -> list[Piece]:
    """Cuts a text at its spans; of spans that overlap the first one is marked, the longer one of two that begin alike.

    Example:
        >>> [(piece.text, piece.span and piece.span.tag) for piece in pieces("In Rome.", [Span(3, 7, "city", 0.9)])]
        [('In ', None), ('Rome', 'city'), ('.', None)]
    """
    found: list[Piece] = []
    place = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if place <= span.start < span.end <= len(text):
            found += [Piece(text[place : span.start])] if span.start > place else []
            found.append(Piece(text[span.start : span.end], span))
            place = span.end
    return [*found, Piece(text[place:])] if place < len(text) else found
