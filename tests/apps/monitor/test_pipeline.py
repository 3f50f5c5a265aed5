from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from tfapp_client.errors import status_error
from tfapp_client.testing import FakeTransport
from tfapp_client.transport import Method

from tests.apps.monitor.stream import HOUR, START, Stream, fake_server, rows
from tests.apps.monitor.test_window_evaluator import deliveries
from tests.apps.postgres import PostgresServer
from tfapp.apps.monitor.batches import Batch, Checkpoint, IngestCounts, SourceRow
from tfapp.apps.monitor.message_store import MessageStore, StoredBatch
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.apps.shared.store import Store
from tfapp.errors import DataError, ServerError, StoreError

BROKEN = SourceRow("line 9", RejectedRow(9, "not valid JSON", "{"))


class BatchReader:
    """Hands on what it was given, then perhaps fails."""

    def __init__(self, *batches: Batch, error: Exception | None = None) -> None:
        self._batches = batches
        self._error = error

    def batches(self, _: threading.Event) -> Iterator[Batch]:
        yield from self._batches
        if self._error:
            raise self._error


class FailingModels(FakeTransport):
    """Answers as the toy models do, but where a request holds a word, with an error."""

    def __init__(self, code: grpc.StatusCode, word: str = "") -> None:
        super().__init__()
        self._models = fake_server()._models
        self._code = code
        self._word = word

    def call(self, method: Method, request: Any, timeout: float) -> Any:
        if self._word in str(request):
            raise status_error(self._code, "no such thing")
        return super().call(method, request, timeout)


class NoPause(threading.Event):
    def wait(self, _: float | None = None) -> bool:
        return self.is_set()


def texts(stream: Stream) -> list[tuple[str, str, str]]:
    return sorted((t.topic, t.sentiment, t.text) for t in stream.queries.texts())


def test_texts_are_judged_and_stored_and_broken_rows_rejected(store: Store) -> None:
    stream = Stream(store, tagger="brands")
    batch = rows("phone is bad", "parcel came", "phone of acme")
    bad_batch = Batch(
        "shop", [BROKEN, SourceRow("line 10", Record(10, {"text": ""})), *batch.rows[:1]], Checkpoint("f", {"o": 1})
    )
    assert stream.pipeline().run([BatchReader(batch, bad_batch)]) == IngestCounts(3, 1, 2)
    assert texts(stream) == [
        ("parcel", "positive", "parcel came"),
        ("phone", "negative", "phone is bad"),
        ("phone", "positive", "phone of acme"),
    ]
    assert stream.message_store.checkpoint("f") == {"o": 1}
    assert [row["reason"] for row in stream.queries.rejected_rows()] == ['no text in "text"', "not valid JSON"]
    (trend,) = stream.queries.trends("entity")
    assert (trend.name, trend.total.texts) == ("brand:acme", 1)
    assert [text.text for text in stream.queries.texts(entity="brand:acme")] == ["phone of acme"]


def test_trends_have_all_windows_and_what_was_expected(sqlite: Store) -> None:
    stream = Stream(sqlite)
    for hour in range(6):
        stream.hour(hour, 10, 2)
    stream.hour(8, 10, 2, topic="parcel")
    stream.evaluator.evaluate(final=True)
    first, second = stream.queries.trends(last=9)
    assert (first.name, second.name) == ("phone", "parcel")
    assert [point.counts.texts for point in first.points] == [10] * 6 + [0] * 3
    assert first.shares[0] == 0.2
    assert first.shares[8] is None
    assert first.points[5].expected == pytest.approx(0.2, abs=0.02)
    (day,) = stream.queries.trends("source", window="day", last=1)
    assert (day.name, day.total.texts) == ("shop", 70)
    (of_topic,) = stream.queries.trends("source", window="day", topic="parcel", last=1)
    assert of_topic.total.texts == 10


def test_an_outage_of_the_models_is_waited_out(sqlite: Store) -> None:
    stream = Stream(sqlite)
    # Three pauses; of each, the client itself tries several times.
    for _ in range(8):
        stream.server.fail(grpc.StatusCode.UNAVAILABLE, "restarts")
    stream.server.fail(grpc.StatusCode.NOT_FOUND, "is being loaded")
    assert stream.pipeline().run([BatchReader(rows("phone is bad"))]) == IngestCounts(1, 0, 0)


class Restarting:
    """Restarts the database while its first batch is under way."""

    def __init__(self, postgres: PostgresServer) -> None:
        self._postgres = postgres

    def batches(self, _: threading.Event) -> Iterator[Batch]:
        yield rows("phone is bad", "phone b")
        self._postgres.stop("immediate")
        self._postgres.start()
        yield rows("phone c", start=START + HOUR)


def test_it_goes_on_after_the_database_was_restarted(postgres: PostgresServer) -> None:
    with Store.open(postgres.new_database()) as store:
        stream = Stream(store)
        counts = stream.pipeline().run([Restarting(postgres)])
        # What was written when the connection broke may count as known already.
        assert counts.stored + counts.repeated == 3
        assert stream.queries.counts()["texts"] == 3
        assert sum(point.counts.texts for trend in stream.queries.trends() for point in trend.points) == 3


def test_a_stop_in_an_outage_stores_nothing_and_the_next_run_takes_it(sqlite: Store) -> None:
    batch = Batch("shop", rows("phone is bad").rows, Checkpoint("f", {"o": 1}))
    away = Stream(sqlite, FailingModels(grpc.StatusCode.UNAVAILABLE))
    assert away.pipeline().run([BatchReader(batch)]) == IngestCounts()
    assert away.message_store.checkpoint("f") is None
    assert Stream(sqlite).pipeline().run([BatchReader(batch)]) == IngestCounts(1, 0, 0)


def test_a_text_that_a_model_refuses_is_rejected_and_the_others_are_stored(sqlite: Store) -> None:
    stream = Stream(sqlite, FailingModels(grpc.StatusCode.INVALID_ARGUMENT, "poison"))
    assert stream.pipeline().run([BatchReader(rows("phone a", "poison", "parcel b", "phone c"))]) == IngestCounts(
        3, 0, 1
    )
    (row,) = stream.queries.rejected_rows()
    assert "a model refuses it: INVALID_ARGUMENT: no such thing" in str(row["reason"])


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_text_that_ends_the_model_server_each_time_is_rejected(sqlite: Store, code: grpc.StatusCode) -> None:
    stream = Stream(sqlite, FailingModels(code, "poison"))
    counts: list[IngestCounts] = []
    batch = Batch("http", rows("phone a", "phone poison", "parcel b").rows, stored=counts.append)
    assert stream.pipeline(waits=1000).run([BatchReader(batch)]) == IngestCounts(2, 0, 1)
    (row,) = stream.queries.rejected_rows()
    assert str(row["reason"]).startswith(f"a model refuses it: {code.name}")
    assert counts == [IngestCounts(2, 0, 1)]


def test_a_text_with_a_score_that_is_no_number_is_rejected(sqlite: Store) -> None:
    server = fake_server().classifier("strange", lambda text: {"phone": float("nan") if "odd" in text else 1.0})
    stream = Stream(sqlite, server, topic_model="strange")
    assert stream.pipeline().run([BatchReader(rows("phone a", "phone odd", "parcel b"))]) == IngestCounts(2, 0, 1)
    assert "nan" in str(stream.queries.rejected_rows()[0]["reason"])


class Choosy(MessageStore):
    """Stores no text with a word in it."""

    word = "poison"

    def keep(self, texts: Any, rejections: Any, checkpoints: Any, duplicates: int) -> StoredBatch:
        if any(self.word in text.message.text for text in texts):
            raise ValueError("no such thing")
        return super().keep(texts, rejections, checkpoints, duplicates)


def test_a_text_that_cannot_be_stored_is_rejected_and_the_others_are_stored(sqlite: Store) -> None:
    stream, counts = Stream(sqlite), []
    stream.message_store = Choosy(sqlite, stream.settings, stream.clock)
    names = ("phone a", "poison", "parcel b", "phone c", "poison too", "phone d", "phone e")
    batch = Batch("http", [*rows(*names).rows, BROKEN], Checkpoint("f", {"o": 8}), stored=counts.append)
    assert stream.pipeline().run([BatchReader(batch)]) == IngestCounts(5, 0, 3)
    assert counts == [IngestCounts(5, 0, 3)]
    reasons = {str(row["content"]): row["reason"] for row in stream.queries.rejected_rows()}
    assert reasons["poison too"] == "it cannot be stored: ValueError: no such thing"
    assert stream.message_store.checkpoint("f") == {"o": 8}
    assert stream.queries.counts()["texts"] == 5


def test_a_database_that_takes_nothing_is_no_fault_of_the_texts(sqlite: Store) -> None:
    class Closed(MessageStore):
        def keep(self, *_: object) -> StoredBatch:
            raise ValueError("no such table")

    stream = Stream(sqlite)
    stream.message_store = Closed(sqlite, stream.settings, stream.clock)
    with pytest.raises(ValueError, match="no such table"):
        stream.pipeline().run([BatchReader(rows("phone a", "phone b"))])
    assert stream.queries.counts()["rejected"] == 0


times = st.one_of(
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones()).map(str),
    st.floats(),
    st.integers(),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1900-01-01", "", None]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(times, min_size=1, max_size=8), st.sampled_from(["minute", "hour", "day"]))
def test_whatever_times_texts_have_the_stream_goes_on(sqlite: Store, times: list[Any], window: str) -> None:
    stream = Stream(sqlite, window=window, lateness_minutes=1e12, future_minutes=1e12, least_history=2)
    source_rows = [
        SourceRow(f"line {n}", Record(n, {"text": f"phone {n}", "time": time})) for n, time in enumerate(times)
    ]
    outcome = stream.pipeline().run([BatchReader(Batch("shop", source_rows))])
    assert outcome.stored + outcome.repeated + outcome.rejected <= len(times)
    assert not [row for row in stream.queries.rejected_rows() if "its time, " not in str(row["reason"])]
    stream.queries.trends(window=window, last=10_000, limit=1)  # type: ignore[arg-type]
    newest = stream.queries.newest()
    assert newest is None or newest <= stream.clock() + 24 * HOUR


def test_models_that_refuse_everything_are_no_fault_of_the_texts(sqlite: Store) -> None:
    stream = Stream(sqlite, FailingModels(grpc.StatusCode.INTERNAL))
    assert stream.pipeline().run([BatchReader(rows("phone a"))]) == IngestCounts()
    assert stream.queries.counts()["rejected"] == 0


def test_a_model_of_another_kind_is_refused_before_anything_is_taken(sqlite: Store) -> None:
    from tfapp_client import Client

    from tfapp.apps.monitor.classifier_client import ClassifierClient

    stream = Stream(sqlite, sentiment_model="brands")
    with pytest.raises(ServerError, match="brands: does not answer as a classifier"):
        ClassifierClient(Client(transport=stream.server), stream.settings, stream.stop).check()
    bare_stream = Stream(sqlite, topic_model="nowhere")
    with pytest.raises(ServerError, match="nowhere: this model is not served"):
        ClassifierClient(Client(transport=bare_stream.server), bare_stream.settings, bare_stream.stop).check()


def test_an_outage_of_the_database_is_waited_out(sqlite: Store) -> None:
    stream = Stream(sqlite)
    failures = [StoreError("away")]

    class FlakyStore(Store):
        def run(self, work):  # type: ignore[no-untyped-def]
            def once(session: Session) -> object:
                result = work(session)
                if failures:
                    raise failures.pop()
                return result

            return sqlite.run(once)

        def read(self, work):  # type: ignore[no-untyped-def]
            return sqlite.read(work)

    stream.message_store = type(stream.message_store)(FlakyStore(None), stream.settings, stream.clock)  # type: ignore[arg-type]
    stream.stop = NoPause()
    assert stream.pipeline().run([BatchReader(rows("phone a"))]) == IngestCounts(1, 0, 0)


def test_each_caller_is_told_what_came_of_its_own_texts(sqlite: Store) -> None:
    stream, counts = Stream(sqlite), []
    batch = Batch("http", [*rows("phone a", "phone b").rows, BROKEN], stored=counts.append)
    repeat = Batch("http", rows("phone a").rows, stored=counts.append)
    stream.pipeline().run([BatchReader(batch, repeat)])
    assert counts == [IngestCounts(2, 0, 1), IngestCounts(0, 1, 0)]


def test_a_source_that_cannot_be_read_ends_it_with_its_error(sqlite: Store) -> None:
    with pytest.raises(DataError, match="is gone"):
        Stream(sqlite).pipeline().run([BatchReader(rows("phone a"), error=DataError("the folder is gone"))])


def _surge(hours: Sequence[int]) -> list[Batch]:
    quiet = ["phone good"] * 12 + ["phone bad"] * 3
    loud = ["phone bad"] * 14 + ["phone good"]
    return [rows(*(loud if hour in hours else quiet), start=START + hour * HOUR) for hour in range(16)]


def test_a_stream_that_is_cut_anywhere_and_sent_again_gives_the_same(sqlite: Store, tmp_path: Path) -> None:
    batches = _surge((10, 11, 12))
    uncut_stream = Stream(sqlite)
    assert uncut_stream.pipeline().run([BatchReader(*batches)]).stored == 240
    with Store.open(tmp_path / "cut.sqlite") as cut_store:
        for end in (3, 11, 12, 16):
            cut_stream = Stream(cut_store)
            cut_stream.pipeline().run([BatchReader(*batches[:end])])
        assert cut_stream.headlines() == uncut_stream.headlines() == [("phone", 10, "over: normal")]
        assert cut_stream.queries.trends() == uncut_stream.queries.trends()
        assert cut_stream.queries.counts()["undelivered"] == uncut_stream.queries.counts()["undelivered"] == 2


class Hourly:
    """Writes texts of an hour as soon as those before are stored, and sets this machine's clock wrong meanwhile.

    Attributes:
        ticks: The seconds that have passed.
        wrong: The hours by which the clock is wrong.
    """

    def __init__(self, jumps: Sequence[int]) -> None:
        self._jumps = iter(jumps)
        self.ticks = self.wrong = 0

    def clock(self) -> datetime:
        return START + timedelta(seconds=self.ticks) + self.wrong * HOUR

    def batches(self, stop: threading.Event) -> Iterator[Batch]:
        for hour in range(14):
            storage, words = threading.Event(), ["phone is bad" if hour == 12 else "phone is here"] * 20
            batch = rows(*words, start=START + hour * HOUR)
            yield replace(batch, stored=lambda _, storage=storage: storage.set())
            while not (storage.wait(0.1) or stop.is_set()):
                pass
            self.ticks += 3600
            self.wrong += next(self._jumps, 0) if hour in (4, 9) else 0


@pytest.mark.parametrize("jumps", [[-1], [1], [1, -1], [-1, 1], [-3, 6]], ids=str)
def test_a_clock_that_jumps_loses_no_text_and_repeats_no_alert(sqlite: Store, jumps: list[int]) -> None:
    reader = Hourly(jumps)
    # What is not told of within an hour is judged by the clock.
    stream = Stream(sqlite, clock=reader.clock, ticks=lambda: reader.ticks, idle_seconds=3000)
    assert stream.pipeline().run([reader]) == IngestCounts(stored=280)
    assert stream.queries.counts()["rejected"] == 0
    assert stream.headlines() == [("phone", 12, "over: normal")]
    assert deliveries(sqlite) == [("ended", 1), ("opened", 1)]
