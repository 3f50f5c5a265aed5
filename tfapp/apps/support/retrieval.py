"""Hybrid retrieval by vectors and words, fused, weighted by votes, and reranked by a model where there is one."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np

from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.rank_fusion import fuse
from tfapp.apps.shared.vector_index import Hit, VectorIndex
from tfapp.apps.support.corpus import Corpus, KnownAnswer, Link
from tfapp.apps.support.settings import SupportSettings
from tfapp.apps.support.word_index import WordIndex
from tfapp.data.stored_texts import text_key

__all__ = [
    "IntentPrediction",
    "Passage",
    "RetrievalMethod",
    "Retriever",
    "best_cosine",
    "count_votes",
    "nearest_intent",
]

T = TypeVar("T", bound=Hashable)
RetrievalMethod = Literal["vectors", "words"]
_BOTH: Final[tuple[RetrievalMethod, ...]] = ("vectors", "words")
_WEIGHED: Final = 20
_RERANKED: Final = 10


@dataclass(frozen=True)
class Passage:
    """An answer that the retrieval returns, with the known text by which it was found, and the pair's source.

    `cosine` is that of the asked question and that text; 1 for the very text; None where no vectors were asked.
    """

    target: KnownAnswer
    text_id: int
    matched: str
    source: str
    line: int
    cosine: float | None


@dataclass(frozen=True)
class Retriever:
    """Finds answers to a question."""

    corpus: Corpus
    _: KW_ONLY
    vectors: VectorIndex
    words: WordIndex
    embedder: EmbeddingClient
    settings: SupportSettings

    def search(
        self,
        query: str,
        vector: np.ndarray | None,
        *,
        ways: Sequence[RetrievalMethod] = _BOTH,
        without: Collection[int] = (),
        rerank: bool = True,
    ) -> list[Passage]:
        """Returns answers, best first.

        Args:
            query: The question.
            vector: Its vector, float32 [width]; None: the model server is away, and words alone must do.
            ways: How to search.
            without: The texts of answers that are not wanted.
            rerank: Order the best of the fused ranking by all that speaks for them, and by the ranking model, if there
                is one; without it they stay as they were fused.

        Raises:
            ClientError: The ranking model cannot be asked.
        """
        key = text_key(query)
        question_id, rejections = self.corpus.questions.get(key), self.corpus.refused.get(key, frozenset())
        hits = self._hits(query, vector, ways)
        targets_by_way = {way: self._targets(texts, rejections, without) for way, texts in hits.items()}
        own_targets = self._targets([] if question_id is None else [(question_id, 1.0)], rejections, without)
        ranking = fuse([list(targets) for targets in targets_by_way.values()], constant=self.settings.fusion_constant)
        order = [target for target, _ in ranking]
        if rerank and vector is not None:
            order = self._weigh(order, hits, vector)
        by = {
            target: origin for targets in reversed(targets_by_way.values()) for target, origin in targets.items()
        } | own_targets
        # Whoever asks a known question gets its answer first.
        first = dict.fromkeys([*own_targets, *order])
        passages = [self._passage(target, *by[target], vector, target in own_targets) for target in first]
        return self._rerank(query, passages) if rerank else passages

    def _hits(
        self, query: str, vector: np.ndarray | None, ways: Sequence[RetrievalMethod]
    ) -> dict[RetrievalMethod, list[Hit]]:
        count = self.settings.candidates
        hits: dict[RetrievalMethod, list[Hit]] = {}
        if "vectors" in ways and vector is not None:
            hits["vectors"] = self.vectors.search(vector, count)
        if "words" in ways:
            hits["words"] = self.words.search(query, count)
        return hits

    def _weigh(
        self, order: Sequence[KnownAnswer], hits: Mapping[RetrievalMethod, list[Hit]], vector: np.ndarray
    ) -> list[KnownAnswer]:
        """Orders the head of the fused ranking by the votes of all texts."""
        keys = {key for way_hits in hits.values() for key, _ in way_hits}
        cosines = {key: self.vectors.cosine(vector, key) or 0.0 for key in keys}
        leads_to = {key: [link.target for link in self.corpus.links.get(key, ())] for key in keys}
        shares = {"words_share": self.settings.words_share, "temperature": self.settings.temperature}
        votes = count_votes(cosines, dict(hits.get("words", ())), leads_to, **shares)
        head = sorted(order[:_WEIGHED], key=lambda target: -votes[target])
        return [*head, *order[_WEIGHED:]]

    def _targets(
        self, hits: Iterable[Hit], rejections: Collection[KnownAnswer], without: Collection[int]
    ) -> dict[KnownAnswer, tuple[int, Link]]:
        """Returns the answers that texts lead to, each once, by the first text that does."""
        targets: dict[KnownAnswer, tuple[int, Link]] = {}
        for key, _ in hits:
            for link in self.corpus.links.get(key, ()):
                if link.target not in rejections and link.target.answer_id not in without:
                    targets.setdefault(link.target, (key, link))
        return targets

    def _passage(self, target: KnownAnswer, key: int, link: Link, vector: np.ndarray | None, is_same: bool) -> Passage:
        cosine = 1.0 if is_same else self.vectors.cosine(vector, key) if vector is not None else None
        return Passage(target, key, self.corpus.texts[key], link.source, link.line, cosine)

    def _rerank(self, query: str, passages: list[Passage]) -> list[Passage]:
        head = [passage for passage in passages[:_RERANKED] if passage.target.text]
        if self.settings.ranker is None or len(head) < 2:
            return passages
        ranking = self.embedder.client.rank(
            self.settings.ranker, query, [passage.target.text or "" for passage in head]
        )
        best = [head[item.place] for item in ranking]
        return [*best, *(passage for passage in passages if passage not in best)]


class IntentPrediction(NamedTuple):
    """An intent, its confidence (a probability or a cosine), and the number of the question's interpretation."""

    name: str
    confidence: float
    interpretation: int = 0


def nearest_intent(passages: Sequence[Passage]) -> IntentPrediction | None:
    """Returns the intent of the nearest known question that has one; None where none has."""
    for passage in passages:
        if passage.target.answer_id is None and passage.target.intent:
            return IntentPrediction(passage.target.intent, passage.cosine or 0.0)
    return None


def best_cosine(passages: Sequence[Passage]) -> float:
    """Returns the highest cosine, as a confidence."""
    return min(1.0, max((passage.cosine or 0.0 for passage in passages), default=0.0))


def count_votes(
    cosines: Mapping[int, float],
    words: Mapping[int, float],
    leads_to: Mapping[int, Iterable[T]],
    *,
    words_share: float,
    temperature: float,
) -> dict[T, float]:
    """Counts the votes of texts for the answers that they lead to, nearer texts more.

    A text's score is its cosine, and `words_share` of its BM25 score as a part of the best one (a convex combination:
    S. Bruch, S. Gai, A. Ingber, An Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023, section 3). Its vote
    is the exponential of that score over the temperature, so that the nearest text decides unless others together are
    as near.

    Args:
        cosines: By the texts' ids, of all that were found.
        words: BM25 scores, of those that were found by words.
        leads_to: The answers of each text.
        words_share: What the best BM25 score counts beside a cosine.
        temperature: How much nearer a text must be to count e times as much.

    Returns:
        The answers' votes; only their order means something.
    """
    best_words = max(words.values(), default=0.0) or 1.0
    scores = {key: cosine + words_share * words.get(key, 0.0) / best_words for key, cosine in cosines.items()}
    best = max(scores.values(), default=0.0)
    votes: dict[T, float] = {}
    for key, score in scores.items():
        for item in leads_to.get(key, ()):
            votes[item] = votes.get(item, 0.0) + math.exp((score - best) / temperature)
    return votes
