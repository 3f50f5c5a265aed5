"""Finds words that are used alike in given texts, by vectors of the words beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["WordNeighbours", "find_neighbours"]

_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
# A word that came fewer times has hardly been seen beside anything.
_LEAST_COUNT: Final = 5
_MOST_WORDS: Final = 5000
# What counts as beside a word: so many words before and behind it.
_REACH: Final = 4
# Words of the texts that are read: some seconds of work, and vectors change little with more.
_MOST_READ: Final = 1_000_000
_DIMENSIONS: Final = 64
_NEAREST: Final = 5


@dataclass(frozen=True)
class WordNeighbours:
    """The words that are used most like each frequent word.

    Attributes:
        words: Of each word, in lower case, those that are used most like it, nearest first.
    """

    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, word: str) -> Sequence[str]:
        """Returns the neighbours of a word in lower case; none of one that is too rare."""
        return self.words.get(word, ())


def find_neighbours(texts: Iterable[str], *, seed: int = 0) -> WordNeighbours:
    """Finds, for each frequent word of texts, the words that stand beside the same words as it does.

    A word's vector is its row of positive pointwise mutual information with the words within four places,

        PPMI(w, c) = max(0, log(P(w, c) / (P(w) P(c)))),

    reduced to its 64 greatest singular directions, weighted by the roots of the singular values (Levy and Goldberg
    2014, "Neural Word Embedding as Implicit Matrix Factorization"). Neighbours have the highest cosines. Words that are
    used alike are often of a kind ("Monday", "Friday"), and sometimes opposites ("good", "bad").

    Args:
        texts: Any number; a million words of them are read.
        seed: Of the random projection that the decomposition begins with.
    """
    vocabulary, numbers, owners = _read(texts)
    if len(vocabulary) < 2:
        return WordNeighbours()
    vectors = _vectors(numbers, owners, len(vocabulary), seed)
    words: dict[str, Sequence[str]] = {}
    for row, word in enumerate(vocabulary):
        cosines = vectors @ vectors[row]
        cosines[row] = 0
        # Of equal cosines, the more frequent word.
        nearest = np.argsort(-cosines, kind="stable")[:_NEAREST]
        words[word] = tuple(vocabulary[other] for other in nearest if cosines[other] > 0)
    return WordNeighbours(words)


def _read(texts: Iterable[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Returns the frequent words, most frequent first, and of the words of the texts the number (-1: rare) and text."""
    words: list[str] = []
    lengths = []
    for text in texts:
        more = _WORD.findall(text.lower())
        words += more
        lengths.append(len(more))
        if len(words) >= _MOST_READ:
            break
    counts = Counter(words)
    ranking = sorted((word for word, count in counts.items() if count >= _LEAST_COUNT), key=lambda w: (-counts[w], w))
    vocabulary = ranking[:_MOST_WORDS]
    word_numbers = {word: number for number, word in enumerate(vocabulary)}
    numbers = np.fromiter((word_numbers.get(word, -1) for word in words), np.int64, len(words))
    return vocabulary, numbers, np.repeat(np.arange(len(lengths)), lengths)


def _vectors(numbers: NDArray[np.int64], owners: NDArray[np.int64], size: int, seed: int) -> NDArray[np.float64]:
    """Returns a vector of length 1, or 0, for each word, float64[words, dimensions]."""
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    firsts, seconds = [], []
    for distance in range(1, _REACH + 1):
        left_words, right_words = numbers[:-distance], numbers[distance:]
        is_pair = (owners[:-distance] == owners[distance:]) & (left_words >= 0) & (right_words >= 0)
        firsts.append(left_words[is_pair])
        seconds.append(right_words[is_pair])
    pairs = (np.concatenate([*firsts, *seconds]), np.concatenate([*seconds, *firsts]))
    table = sparse.coo_array((np.ones(len(pairs[0])), pairs), shape=(size, size)).tocsr().tocoo()
    totals = np.asarray(table.sum(axis=1)).ravel()
    information = np.log(table.data * max(totals.sum(), 1.0) / (totals[table.row] * totals[table.col]))
    positive = sparse.csr_array((np.maximum(information, 0), (table.row, table.col)), shape=(size, size))
    left_vectors, values, _ = randomized_svd(positive, n_components=min(_DIMENSIONS, size - 1), random_state=seed)
    vectors = left_vectors * np.sqrt(values)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12)
