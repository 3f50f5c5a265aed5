"""Made readers and items: each reader likes one topic, and its items share words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from tfapp_client import Client
from tfapp_client.testing import FakeTransport

from tests.apps.support.service import ticking_clock, vector
from tfapp.apps.recommend.catalogue import Catalogue, TrainedRanking
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry
from tfapp.apps.recommend.item_matrix import Item, ItemMatrix
from tfapp.apps.recommend.ranking_training import learn_ranking
from tfapp.apps.recommend.recommender import Recommender
from tfapp.apps.recommend.settings import RecommendSettings
from tfapp.apps.recommend.snapshot import Snapshot
from tfapp.apps.shared.embedding_client import EmbeddingClient
from tfapp.apps.shared.store import Store
from tfapp.apps.shared.vector_index import embed_new, open_index

__all__ = ["TOPICS", "Library", "item_entries", "made_event_log", "made_events", "made_item_matrix"]

START = datetime(2026, 1, 1, tzinfo=UTC)
TOPICS = ("sport goal match team", "chip phone code screen", "bank price stock trade")


def title(number: int) -> str:
    return f"{TOPICS[number % 3]} story {number}"


def item_entries(count: int = 60) -> list[ItemEntry]:
    """Items of three topics in turn."""
    return [ItemEntry(2 + n, f"i{n}", title(n), tags=(f"topic{n % 3}",)) for n in range(count)]


def made_item_matrix(count: int = 60) -> ItemMatrix:
    entries = item_entries(count)
    items = [Item(n + 1, e.key, e.title, "", e.tags, e.text, None) for n, e in enumerate(entries)]
    return ItemMatrix.of(items, np.array([vector(item.title) for item in items], np.float32))


def made_event_log(
    count: int = 60, *, users: int = 60, each: int = 12, seed: int = 0, early_items: int | None = None
) -> EventLog:
    """Events of readers, each item once, who mostly stay with one topic and begin with what is best known of it.

    Args:
        met: Before the last fifth of the time only the first so many items have events.
    """
    random = np.random.default_rng(seed)
    rows = []
    fame = 1 / (10 + np.arange(count))
    unread_mask = np.ones((users, count), bool)
    for step in range(each):
        for user in range(users):
            item_count = count if early_items is None or step >= each * 0.8 else early_items
            odds = fame * unread_mask[user] * (np.arange(count) < item_count)
            if random.random() < 0.85:
                odds = odds * (np.arange(count) % 3 == user % 3)
            item = int(random.choice(count, p=odds / odds.sum()))
            unread_mask[user, item] = False
            rows.append((user, item, 1.0, False, 1000.0 * step + user))
    return EventLog.of(*zip(*rows, strict=True))


def made_events(log: EventLog) -> list[EventEntry]:
    """The same as a file has them."""
    columns = (log.users.tolist(), log.items.tolist(), log.times.tolist())
    return [
        EventEntry(2 + line, f"u{user}", f"i{item}", "click", None, START + timedelta(seconds=time))
        for line, (user, item, time) in enumerate(zip(*columns, strict=True))
    ]


class Library:
    """All parts of a recommender, on one store and one fake server."""

    def __init__(self, store: Store, folder: Path, **settings: object) -> None:
        def shared(query: str, candidate: str) -> float:
            return float(len(set(query.split()) & set(candidate.split())))

        self.server = FakeTransport().embedder("minilm-l6", vector).ranker("taste", shared)
        self.client = Client(transport=self.server)
        self.folder = folder
        self.settings = RecommendSettings.model_validate(settings)
        self.catalogue = Catalogue(store, ticking_clock(), self.settings)
        self.embedder = EmbeddingClient.of_release(self.client, "minilm-l6")

    def add(self, items: Sequence[ItemEntry] = (), events: Sequence[EventEntry] = ()) -> int:
        """Adds rows; says how many items were embedded."""
        self.catalogue.add_items("items.csv", items)
        self.catalogue.add_events("events.csv", events)
        return embed_new(self.catalogue.vectors, self.embedder)

    def train(self) -> None:
        item_matrix = self.catalogue.item_matrix(self.embedder.identity)
        log = self.catalogue.log(item_matrix)
        lesson = learn_ranking(item_matrix, log, self.settings)
        assert lesson.ranking is not None
        self.catalogue.keep_training(
            TrainedRanking(START, self.embedder.identity, len(log), lesson.lists, lesson.ranking)
        )

    def recommender(self) -> Recommender:
        item_matrix = self.catalogue.item_matrix(self.embedder.identity)
        log = self.catalogue.log(item_matrix)
        index, _ = open_index(self.folder, self.catalogue.vectors, self.embedder.identity)
        training = self.catalogue.newest_training()
        return Recommender(
            self.catalogue,
            Snapshot.at((START + timedelta(days=1)).timestamp(), log, item_matrix, self.settings),
            index=index,
            ranking=training.ranking if training else None,
            settings=self.settings,
            connect=lambda: self.client,
            embedder=self.embedder.identity,
        )
