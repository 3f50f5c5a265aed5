"""Finds texts by their words."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from tfapp.apps.shared.vector_index import Hit

__all__ = ["WordIndex", "words_of"]

_WORD: Final = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words that texts are compared by: letters and digits, without case."""
    return _WORD.findall(text.casefold())


class WordIndex:
    """Texts by the words that they share with a query, the rarer the better.

    BM25 (S. Robertson, H. Zaragoza, The Probabilistic Relevance Framework, 2009) as BM25S counts it. Its weights
    depend on all texts, so it is counted anew when it is made: some seconds for a million short ones.
    """

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        """Counts the words of texts, given as (id, text)."""
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to tell all
        self._ids = np.array([key for key, _ in texts], np.int64)
        tokens = [words_of(text) for _, text in texts]
        self._index = bm25s.BM25() if any(tokens) else None
        if self._index is not None:
            self._index.index(tokens, show_progress=False)

    def search(self, query: str, count: int) -> list[Hit]:
        """The texts with most in common, best first; those without a common word are left out."""
        words = words_of(query)
        if self._index is None or not words:
            return []
        scores = self._index.get_scores(words)
        best = np.argsort(-scores, kind="stable")[:count]
        return [(int(self._ids[place]), float(scores[place])) for place in best if scores[place] > 0]
