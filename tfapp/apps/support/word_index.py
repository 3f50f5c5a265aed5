"""An index of texts by their words."""

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
    """Returns the words that texts are compared by: letters and digits, without case."""
    return _WORD.findall(text.casefold())


class WordIndex:
    """An index that finds the texts which share words with a query, rare words counting more.

    BM25 (S. Robertson, H. Zaragoza, The Probabilistic Relevance Framework, 2009) as BM25S counts it. Its weights
    depend on all texts, so it is counted anew when it is made: some seconds for a million short ones.
    """

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        """Indexes texts, given as (id, text)."""
        import bm25s

        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to tell all
        self._ids = np.array([key for key, _ in texts], np.int64)
        tokens = [words_of(text) for _, text in texts]
        self._index = bm25s.BM25() if any(tokens) else None
        if self._index is not None:
            self._index.index(tokens, show_progress=False)

    def search(self, query: str, count: int) -> list[Hit]:
        """Returns the texts with most words in common, best first, without those that share none."""
        words = words_of(query)
        if self._index is None or not words:
            return []
        scores = self._index.get_scores(words)
        best = np.argsort(-scores, kind="stable")[:count]
        return [(int(self._ids[index]), float(scores[index])) for index in best if scores[index] > 0]
