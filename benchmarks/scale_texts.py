"""Made texts for scale.py: words of a model's own vocabulary, as often as words are in English."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

__all__ = ["WordSample", "read_words"]

_WORDS: Final = 20_000
_DRAWN: Final = 4096


class WordSample:
    """Draws words, the same ones in the same order each time.

    A word's share falls with its rank (Zipf 1949); in BERT's vocabularies the ranks are about those of English. Each is
    one token.

    Args:
        words: The more frequent first.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._shares = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(words))))
        self._chance = random.Random(0)
        self._drawn: list[str] = []

    def of_words(self, count: int) -> str:
        """Returns a text of so many words; with [CLS] and [SEP] it has two tokens more."""
        while len(self._drawn) < count:
            self._drawn += self._chance.choices(self._words, cum_weights=self._shares, k=_DRAWN)
        words, self._drawn = self._drawn[:count], self._drawn[count:]
        return " ".join(words)

    def of_characters(self, count: int) -> str:
        """Returns a text of about so many characters, cut at a word."""
        return self.of_words(count // 3)[:count].rpartition(" ")[0]


def read_words(model: Path) -> WordSample:
    """Returns the words of a saved model's vocabulary."""
    pieces = (model / "vocabulary.txt").read_text(encoding="utf-8").splitlines()
    return WordSample([piece for piece in pieces if len(piece) > 1 and piece.isascii() and piece.isalpha()][:_WORDS])
