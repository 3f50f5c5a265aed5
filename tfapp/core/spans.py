"""The spans of a text: those that a tagger answers, and the segments that they cut a text into."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MarkedSpan", "TextSegment", "text_segments", "to_entities"]


def to_entities(answers: Mapping[str, Any], texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Returns the spans of each text from a tagger's outputs.

    Args:
        answers: `tag`, `start`, `end` and `score` [N, E]; `start` is -1 where a text has no more spans.
        texts: The N texts.

    Returns:
        For each text its spans, first to last: `tag`, `text`, `start`, `end` (in code points) and `score`.
    """
    entities: list[list[dict[str, Any]]] = [[] for _ in texts]
    columns = [np.asarray(answers[name]) for name in ("tag", "start", "end", "score")]
    rows, positions = np.nonzero(columns[1] >= 0)
    values = (column[rows, positions].tolist() for column in columns)
    for row, tag, start, end, score in zip(rows.tolist(), *values, strict=True):
        name = tag.decode() if isinstance(tag, bytes) else tag
        entities[row].append({"tag": name, "text": texts[row][start:end], "start": start, "end": end, "score": score})
    return entities


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
