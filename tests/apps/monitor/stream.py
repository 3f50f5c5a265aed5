"""A monitor whose models are functions: the first word is the topic, and "bad" is negative."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

from tfapp_client import Client
from tfapp_client.results import Entity
from tfapp_client.testing import FakeTransport

from tfapp.apps.monitor.batches import Batch, SourceRow
from tfapp.apps.monitor.classifier_client import ClassifierClient
from tfapp.apps.monitor.message import ClassifiedMessage, Message, MessageColumns
from tfapp.apps.monitor.message_store import MessageStore
from tfapp.apps.monitor.pipeline import Pipeline
from tfapp.apps.monitor.queries import MonitorQueries
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.monitor.window_evaluator import WindowEvaluator
from tfapp.apps.shared.record_reader import Record
from tfapp.apps.shared.store import Store
from tfapp.core.clock import Clock

__all__ = ["HOUR", "START", "Stream", "classified_message", "fake_server", "rows"]

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def fake_server() -> FakeTransport:
    def topics(text: str) -> dict[str, float]:
        first = text.split(maxsplit=1)[0]
        return {name: 0.9 if name == first else 0.05 for name in ("phone", "parcel", "other")}

    def sentiments(text: str) -> dict[str, float]:
        if "bad" in text:
            return {"negative": 0.8, "neutral": 0.1, "positive": 0.1}
        return {"negative": 0.1, "neutral": 0.2, "positive": 0.7}

    def brands(text: str) -> list[Entity]:
        return [Entity("brand", match[0], *match.span(), 0.9) for match in re.finditer("Acme|acme", text)]

    server = FakeTransport().classifier("monitor-topics", topics).classifier("monitor-sentiment", sentiments)
    return server.tagger("brands", brands)


def classified_message(
    key: str, time: datetime, *, topic: str = "phone", negative: bool = False, source: str = "shop", text: str = ""
) -> ClassifiedMessage:
    message = Message(key, source, time, text or f"{topic} {key}")
    return ClassifiedMessage(message, topic, 0.9, "negative" if negative else "positive", 0.8)


def rows(*texts: str, start: datetime = START, source: str = "shop") -> Batch:
    """A batch of texts, a second apart."""
    times = [start + timedelta(seconds=n) for n in range(len(texts))]
    source_rows = [
        SourceRow(f"line {n}", Record(n, {"id": f"{start} {n}", "text": text, "time": time.isoformat()}))
        for n, (time, text) in enumerate(zip(times, texts, strict=True), start=1)
    ]
    return Batch(source, source_rows)


class Stream:
    """All parts of a monitor, on one store and one fake server."""

    def __init__(
        self,
        store: Store,
        server: FakeTransport | None = None,
        *,
        clock: Clock | None = None,
        ticks: Callable[[], float] = time.monotonic,
        **settings: object,
    ) -> None:
        self.store = store
        self.server = server or fake_server()
        quick = {"batch_seconds": 0, "lateness_minutes": 0, "least_history": 4, "history": 12}
        # The toy texts are all new words.
        self.settings = MonitorSettings.model_validate({**quick, "drift_reference": 9999, **settings})
        seconds = count()
        self.clock: Clock = clock or (lambda: START + timedelta(days=100, seconds=next(seconds)))
        self.ticks = ticks
        self.stop = threading.Event()
        self.message_store = MessageStore(store, self.settings, self.clock)
        self.evaluator = WindowEvaluator(store, self.settings, self.clock, ["log"])
        self.queries = MonitorQueries(store, self.settings)

    def pipeline(self, waits: int = 20) -> Pipeline:
        client = Client(transport=self.server)
        countdown = iter(range(waits))

        def wait(_: float) -> bool:
            return next(countdown, None) is None

        classifiers = ClassifierClient(client, self.settings, self.stop, wait)
        columns = MessageColumns(longest=self.settings.longest_text)
        return Pipeline(
            self.message_store,
            classifiers,
            self.evaluator,
            settings=self.settings,
            columns=columns,
            clock=self.clock,
            stop=self.stop,
            ticks=self.ticks,
        )

    def keep(self, texts: Sequence[ClassifiedMessage]) -> int:
        return self.message_store.keep(texts, [], [], 0).outcome.stored

    def hour(
        self, number: int, texts: int, negatives: int, *, topic: str = "phone", tag: str = ""
    ) -> list[ClassifiedMessage]:
        """Texts of an hour, kept."""
        time = START + number * HOUR
        messages = [
            classified_message(f"{topic}{number}-{n}{tag}", time + n * HOUR / 1000, topic=topic, negative=n < negatives)
            for n in range(texts)
        ]
        self.keep(messages)
        return messages

    def headlines(self) -> list[tuple[str, int, str]]:
        """The alerts: topic or kind, the hour of the start, the state."""
        alerts = reversed(self.queries.alerts())
        return [(a.topic or a.kind, round((a.start - START) / HOUR), a.state) for a in alerts]
