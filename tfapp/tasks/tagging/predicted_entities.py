"""The entities of texts as objects, made of a tagger's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["to_entities"]


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
