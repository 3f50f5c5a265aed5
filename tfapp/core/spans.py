"""The marked spans of a text, and the segments that they cut it into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["MarkedSpan", "TextSegment", "text_segments"]


@dataclass(frozen=True)
class MarkedSpan:
    """A marked span of a text: code points from `start` to before `end`, its tag, and its score."""

    start: int
    end: int
    tag: str
    score: float


@dataclass(frozen=True)
class TextSegment:
    """A segment of a text; `span` is None where nothing is marked."""

    text: str
    span: MarkedSpan | None = None


def text_segments(text: str, spans: Iterable[MarkedSpan]) -> list[TextSegment]:
    """Cuts a text at its spans; of spans that overlap the first one is marked, the longer one of two that begin alike.

    Example:
        >>> segments = text_segments("In Rome.", [MarkedSpan(3, 7, "city", 0.9)])
        >>> [(segment.text, segment.span and segment.span.tag) for segment in segments]
        [('In ', None), ('Rome', 'city'), ('.', None)]
    """
    segments: list[TextSegment] = []
    position = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if position <= span.start < span.end <= len(text):
            segments += [TextSegment(text[position : span.start])] if span.start > position else []
            segments.append(TextSegment(text[span.start : span.end], span))
            position = span.end
    return [*segments, TextSegment(text[position:])] if position < len(text) else segments
