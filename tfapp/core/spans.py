"""The spans that a tagger answers, from the contract's padded arrays to one list a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["to_entities"]


def to_entities(answers: Mapping[str, Any], texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    """Reads a tagger's outputs.

    Args:
        answers: `tag`, `start`, `end` and `score` [N, E]; `start` is -1 where a text has no more spans.
        texts: The N texts.

    Returns:
        For each text its spans, first to last: `tag`, `text`, `start`, `end` (in code points) and `score`.
    """
    found: list[list[dict[str, Any]]] = [[] for _ in texts]
    columns = [np.asarray(answers[name]) for name in ("tag", "start", "end", "score")]
    rows, places = np.nonzero(columns[1] >= 0)
    picked = (column[rows, places].tolist() for column in columns)
    for row, tag, start, end, score in zip(rows.tolist(), *picked, strict=True):
        name = tag.decode() if isinstance(tag, bytes) else tag
        found[row].append({"tag": name, "text": texts[row][start:end], "start": start, "end": end, "score": score})
    return found
