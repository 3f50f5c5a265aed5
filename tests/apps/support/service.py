"""A small customer service on a fake model server: vectors by words, intents by a word, orders by their form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import count
from pathlib import Path

import numpy as np
from tfapp_client import Client, Entity
from tfapp_client.testing import FakeTransport

from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_index import embed_new, open_index
from tfapp.apps.support.assistant import Assistant
from tfapp.apps.support.conversation_log import ConversationLog
from tfapp.apps.support.corpus import Corpus
from tfapp.apps.support.corrections import Corrections
from tfapp.apps.support.knowledge import Knowledge
from tfapp.apps.support.qa_pairs import QAPair
from tfapp.apps.support.retrieval import Retriever
from tfapp.apps.support.settings import SupportSettings
from tfapp.apps.support.word_index import WordIndex, words_of
from tfapp.core.clock import Clock

__all__ = ["ROWS", "Service", "fake_server", "ticking_clock", "vector"]

WIDTH = 64
RETURNS = "Print the return label and hand the parcel in at any post office."
REFUND = "Refunds reach your card within five working days."
ROWS = [
    QAPair(2, "How do I send shoes back?", RETURNS),
    QAPair(3, "How do I return a lamp?", RETURNS),
    QAPair(4, "How long does a refund for shoes take?", REFUND),
    QAPair(5, "Which cards do you take?", "We take Visa and Mastercard."),
    QAPair(6, "Where is my order?", None, "tracking"),
    QAPair(7, "I want to track an order", None, "tracking"),
    QAPair(8, "Cancel it all", None, "cancel"),
]


def vector(text: str) -> list[float]:
    """A vector of length 1 that texts share as far as they share words."""
    total = np.full(WIDTH, 1e-6)
    for word in words_of(text):
        seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest())
        total = total + np.random.default_rng(seed).normal(size=WIDTH)
    return list(total / np.linalg.norm(total))


def fake_server() -> FakeTransport:
    """An embedder, an intent model that knows two words, a tagger of orders, and a ranker by length."""

    def intents(text: str) -> dict[str, float]:
        if "order" in text.casefold():
            return {"tracking": 0.9, "cancel": 0.1}
        return {"tracking": 0.05, "cancel": 0.95} if "cancel" in text.casefold() else {"tracking": 0.4, "cancel": 0.3}

    def orders(text: str) -> list[Entity]:
        return [Entity("order", m[0], m.start(), m.end(), 0.9) for m in re.finditer(r"B-\d+", text)]

    server = FakeTransport().embedder("minilm-l6", vector).classifier("support-intents", intents)
    return server.tagger("orders", orders).ranker("by-length", lambda _, candidate: float(len(candidate)))


def ticking_clock() -> Clock:
    """A clock that goes on a second at each look."""
    start, seconds = datetime(2026, 1, 1, tzinfo=UTC), count()
    return lambda: start + timedelta(seconds=next(seconds))


class Service:
    """All parts of a customer service, on one store and one fake server."""

    def __init__(self, store: Store, folder: Path, server: FakeTransport | None = None, **settings: object) -> None:
        self.store = store
        self.folder = folder
        self.server = server or fake_server()
        self.client = Client(transport=self.server)
        self.clock = ticking_clock()
        self.settings = SupportSettings.model_validate({"answer_threshold": 0.7, **settings})
        self.knowledge = Knowledge(store, self.clock)
        self.corrections = Corrections(store, self.clock)
        self.embedder = EmbeddingClient.of_release(self.client, self.settings.embedder)

    def build(self, rows: Iterable[QAPair] = tuple(ROWS)) -> int:
        """Adds rows and embeds what is new; says how many texts were."""
        self.knowledge.add("faq.csv", rows)
        return embed_new(self.knowledge.vectors, self.embedder)

    def retriever(self) -> Retriever:
        corpus = Corpus.read(self.store)
        index, _ = open_index(self.folder, self.knowledge.vectors, self.embedder.identity)
        words = WordIndex(list(corpus.texts.items()))
        return Retriever(corpus, vectors=index, words=words, embedder=self.embedder, settings=self.settings)

    def assistant(self, *, classifies: bool = False) -> Assistant:
        return Assistant(
            self.retriever(),
            self.client,
            ConversationLog(self.store, self.clock),
            self.settings,
            answers=self.knowledge.answers(),
            classifies=classifies,
        )

    def embedded_texts(self) -> Iterator[str]:
        """The texts that the server was asked to embed so far."""
        for call in self.server.requests:
            if call.method.path.endswith("Predict") and call.request.model_spec.name == "minilm-l6":
                yield from (value.decode() for value in call.request.inputs["text"].string_val)
