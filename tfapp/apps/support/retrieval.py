"""Hybrid retrieval: by vectors and by words, fused, and ordered anew by a ranking model where there is one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from tfapp.apps.support.corpus import Corpus, Link, Target
from tfapp.apps.support.embedder import Embedder
from tfapp.apps.support.fusion import fuse
from tfapp.apps.support.index import Hit, VectorIndex, WordIndex
from tfapp.apps.support.knowledge import text_key
from tfapp.apps.support.settings import SupportSettings

__all__ = ["Passage", "Retriever", "Way"]

Way = Literal["vectors", "words"]
_BOTH: Final[tuple[Way, ...]] = ("vectors", "words")
_RERANKED: Final = 20


@dataclass(frozen=True)
class Passage:
    """An answer that was found.

    Attributes:
        target: The answer.
        text_id: The known text by which it was found: a question, or the answer itself.
        matched: That text.
        source: The file, or other origin, of the pair.
        line: Its line there.
        cosine: Of the asked question and that text; 1 for the very text; None where no vectors were asked.
    """

    target: Target
    text_id: int
    matched: str
    source: str
    line: int
    cosine: float | None


class Retriever:
    """Finds answers to a question."""

    def __init__(
        self,
        corpus: Corpus,
        *,
        vectors: VectorIndex,
        words: WordIndex,
        embedder: Embedder,
        settings: SupportSettings,
    ) -> None:
        self._corpus = corpus
        self._vectors = vectors
        self._words = words
        self._embedder = embedder
        self._settings = settings

    def search(
        self,
        query: str,
        vector: np.ndarray | None,
        *,
        ways: Sequence[Way] = _BOTH,
        without: Collection[int] = (),
        rerank: bool = True,
    ) -> list[Passage]:
        """Finds answers, best first.

        Args:
            query: The question.
            vector: Its vector, float32 [width]; None: the model server is away, and words alone must do.
            ways: How to search.
            without: The texts of answers that are not wanted.
            rerank: Let the ranking model, if there is one, have the last word.

        Raises:
            ClientError: The ranking model cannot be asked.
        """
        known = self._corpus.questions.get(text_key(query))
        refused = frozenset() if known is None else self._corpus.refused.get(known, frozenset())
        hits = self._hits(query, vector, ways)
        found = [self._targets(texts, refused, without) for _, texts in hits]
        same = self._targets([] if known is None else [(known, 1.0)], refused, without)
        weights = [1.0 if way == "vectors" else self._settings.words_weight for way, _ in hits]
        fused = fuse([list(targets) for targets in found], constant=self._settings.fusion_constant, weights=weights)
        by = {target: place for targets in reversed(found) for target, place in targets.items()} | same
        order = dict.fromkeys([*same, *(target for target, _ in fused)])
        passages = [self._passage(target, *by[target], vector, target in same) for target in order]
        return self._reranked(query, passages) if rerank else passages

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """The vectors of texts, by the model that made those of the index; float32 [texts, width].

        Raises:
            ClientError: The model server cannot be asked.
        """
        return self._embedder.embed(texts)

    def _hits(self, query: str, vector: np.ndarray | None, ways: Sequence[Way]) -> list[tuple[Way, list[Hit]]]:
        count = self._settings.candidates
        hits: list[tuple[Way, list[Hit]]] = []
        if "vectors" in ways and vector is not None:
            hits.append(("vectors", self._vectors.search(vector, count)))
        if "words" in ways:
            hits.append(("words", self._words.search(query, count)))
        return hits

    def _targets(
        self, hits: Iterable[Hit], refused: Collection[Target], without: Collection[int]
    ) -> dict[Target, tuple[int, Link]]:
        """The answers that texts lead to, each once, by the first text that does."""
        found: dict[Target, tuple[int, Link]] = {}
        for key, _ in hits:
            for link in self._corpus.links.get(key, ()):
                if link.target not in refused and link.target.answer_id not in without:
                    found.setdefault(link.target, (key, link))
        return found

    def _passage(self, target: Target, key: int, link: Link, vector: np.ndarray | None, same: bool) -> Passage:
        cosine = 1.0 if same else self._vectors.cosine(vector, key) if vector is not None else None
        return Passage(target, key, self._corpus.texts[key], link.source, link.line, cosine)

    def _reranked(self, query: str, passages: list[Passage]) -> list[Passage]:
        head = [passage for passage in passages[:_RERANKED] if passage.target.text]
        if self._settings.ranker is None or len(head) < 2:
            return passages
        ranked = self._embedder.client.rank(
            self._settings.ranker, query, [passage.target.text or "" for passage in head]
        )
        best = [head[item.place] for item in ranked]
        return [*best, *(passage for passage in passages if passage not in best)]
