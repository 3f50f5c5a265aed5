from __future__ import annotations

import random
import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.apps.monitor.stream import HOUR, START, Stream, classified_message
from tfapp.apps.monitor.batches import Checkpoint
from tfapp.apps.monitor.message import ClassifiedMessage
from tfapp.apps.monitor.message_store import RejectedMessage
from tfapp.apps.monitor.tables import MessageRow, WindowRow
from tfapp.apps.monitor.windows import window_start
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.errors import StoreError


def read_windows(store: Store) -> dict[tuple[object, ...], int]:
    """Returns what the windows say."""
    query = select(WindowRow.start, WindowRow.topic, WindowRow.name, WindowRow.texts, WindowRow.negatives)
    rows = store.run(lambda session: list(session.execute(query.where(WindowRow.width == "hour"))))
    return {tuple(row[:3]): (row[3], row[4]) for row in rows}  # type: ignore[misc]


def count_messages(store: Store) -> dict[tuple[object, ...], int]:
    """Returns what the texts say."""
    counts: dict[tuple[object, ...], list[int]] = {}
    for row in store.run(lambda session: list(session.scalars(select(MessageRow)))):
        cell = counts.setdefault((window_start(row.time, "hour"), row.topic, row.source), [0, 0])
        cell[0] += 1
        cell[1] += row.sentiment == "negative"
    return {key: tuple(value) for key, value in counts.items()}  # type: ignore[misc]


def some_texts(number: int) -> list[ClassifiedMessage]:
    draw = random.Random(number)
    return [
        classified_message(
            str(n),
            START + HOUR * draw.random() * 5,
            topic=draw.choice(["phone", "parcel"]),
            negative=draw.random() < 0.4,
            source=draw.choice(["shop", "mail"]),
        )
        for n in range(number)
    ]


def test_texts_that_come_again_and_out_of_order_are_counted_once(store: Store) -> None:
    stream, texts = Stream(store), some_texts(300)
    draw = random.Random(1)
    count = 0
    for _ in range(12):
        count += stream.keep(draw.sample(texts, 60))
    count += stream.keep(texts)
    assert count == 300
    assert read_windows(store) == count_messages(store)
    assert sum(texts for texts, _ in read_windows(store).values()) == 300  # type: ignore[misc]


def test_two_processes_that_take_the_same_texts_count_them_once(store: Store) -> None:
    texts, total = some_texts(200), []

    def take(order: int) -> None:
        sample = random.Random(order).sample(texts, len(texts))
        for start in range(0, 200, 20):
            total.append(Stream(store).keep(sample[start : start + 20]))

    threads = [threading.Thread(target=take, args=[order]) for order in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(total) == 200
    assert read_windows(store) == count_messages(store)


def test_a_checkpoint_is_kept_with_its_texts_or_not_at_all(store: Store) -> None:
    stream = Stream(store)
    stream.message_store.keep([classified_message("1", START)], [], [Checkpoint("f", {"offset": 10})], 0)

    class FailingStore(Store):
        def run(self, work):  # type: ignore[no-untyped-def]
            def fails(session: Session) -> None:
                work(session)
                raise StoreError("the machine is gone")

            return store.run(fails)

    failing_stream = Stream(FailingStore(None))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        failing_stream.message_store.keep([classified_message("2", START)], [], [Checkpoint("f", {"offset": 20})], 0)
    assert stream.message_store.checkpoint("f") == {"offset": 10}
    assert store.run(lambda session: session.scalar(select(func.count()).select_from(MessageRow))) == 1
    stream.message_store.keep([], [], [Checkpoint("f", {"offset": 30})], 0)
    assert stream.message_store.checkpoints("f") == {"f": {"offset": 30}}


def test_rows_that_are_rejected_are_kept_once_with_their_reasons(store: Store) -> None:
    stream = Stream(store)
    row = RejectedMessage("shop", "line 3", RejectedRow(3, "not valid JSON", "{\0\ud800"))
    assert stream.message_store.keep([], [row], [], 0).outcome.rejected == 1
    assert stream.message_store.keep([], [row], [], 2).outcome.rejected == 0
    (stored_row,) = stream.queries.rejected_rows()
    assert (stored_row["place"], stored_row["reason"]) == ("line 3", "not valid JSON")
    assert stream.queries.counts()["repeated"] == 2


def test_of_the_rows_that_are_rejected_the_newest_are_kept_and_all_are_counted(store: Store) -> None:
    stream = Stream(store, set_aside_rows=7)
    for begin in range(0, 20, 5):
        rows = [
            RejectedMessage("http", f"item {n}", RejectedRow(n, "no text", str(n))) for n in range(begin, begin + 5)
        ]
        assert stream.message_store.keep([], rows, [], 0).outcome.rejected == 5
    counts = stream.queries.counts()
    assert (counts["rejected"], counts["rejected_kept"]) == (20, 7)
    assert [row["place"] for row in stream.queries.rejected_rows()] == [f"item {n}" for n in range(19, 12, -1)]


def test_unknown_leaves_each_new_text_once(store: Store) -> None:
    stream = Stream(store)
    texts = some_texts(5)
    stream.keep(texts[:2])
    messages = [text.message for text in texts]
    assert stream.message_store.new_messages([*messages, *messages]) == messages[2:]
