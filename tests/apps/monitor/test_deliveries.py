from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from tests.apps.monitor.receivers import PAYLOAD, dribbling
from tests.apps.monitor.stream import HOUR, Stream
from tests.apps.monitor.test_window_evaluator import calm
from tfapp.apps.monitor.deliveries import Deliveries
from tfapp.apps.monitor.settings import MonitorSettings, WebhookSettings
from tfapp.apps.monitor.sinks.log import LogSink
from tfapp.apps.monitor.sinks.sink import SinkError
from tfapp.apps.monitor.sinks.webhook import WebhookSink
from tfapp.apps.monitor.tables import DeliveryRow
from tfapp.apps.monitor.window_evaluator import WindowEvaluator
from tfapp.apps.shared.store import Store
from tfapp.config.overrides import build_settings
from tfapp.errors import SettingsError, StoreError


class FlakySink:
    """Refuses so often, and remembers what it was told."""

    name = "log"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.told: list[tuple[str, str]] = []

    def send(self, payload: Any, key: str) -> None:
        if self.failures:
            self.failures -= 1
            raise SinkError("away")
        self.told.append((payload["event"], key))


def alert(store: Store, *sinks: str) -> Stream:
    """A stream in which an alert waits to be delivered."""
    stream = Stream(store)
    stream.evaluator = WindowEvaluator(store, stream.settings, stream.clock, sinks)
    calm(stream)
    stream.hour(8, 20, 16)
    stream.evaluator.evaluate(final=True)
    return stream


@pytest.fixture
def alert_stream(store: Store) -> Stream:
    """An alert waits to be delivered to the log."""
    return alert(store, "log")


def test_a_sink_that_fails_is_tried_again_until_it_has_taken_it(alert_stream: Stream) -> None:
    sink = FlakySink(failures=2)
    deliveries = Deliveries(alert_stream.store, [sink], alert_stream.clock)
    # The clock goes on a second with each look.
    tries = [deliveries.send_due() for _ in range(8)]
    assert sum(tries) == 1
    assert tries[0] == 0
    assert [event for event, _ in sink.told] == ["opened"]
    (row,) = alert_stream.store.run(lambda session: list(session.scalars(select(DeliveryRow))))
    assert (row.tries, row.error) == (3, None)
    assert alert_stream.queries.counts()["undelivered"] == 0


class Raising:
    """Fails in a way that no sink should."""

    name = "webhook"

    def send(self, *_: object) -> None:
        raise UnicodeEncodeError("ascii", "\u00e4", 0, 1, "ordinal not in range(128)")


def test_one_sinks_defect_is_no_failure_of_the_others(sqlite: Store) -> None:
    stream = alert(sqlite, "webhook", "log")
    sink = FlakySink()
    with Deliveries(sqlite, [Raising(), sink], stream.clock).delivery_threads():
        pass
    assert (stream.queries.counts()["undelivered"], len(sink.told)) == (1, 1)


def test_what_is_tried_too_often_is_kept_as_undeliverable_and_shown_and_not_sent_after_a_restart(store: Store) -> None:
    stream = alert(store, "webhook", "log")
    now, pauses = stream.clock(), []
    deliveries = Deliveries(store, [Raising(), FlakySink()], lambda: now, most_tries=5)
    for _ in range(5):
        start = now
        deliveries.send_due()
        assert deliveries.send_due() == 0
        now = store.read(
            lambda session: session.scalar(select(DeliveryRow.due_at).where(DeliveryRow.sink == "webhook"))
        )
        pauses.append((now - start).total_seconds())
    assert pauses == [1, 2, 4, 8, 0]
    (row,) = stream.queries.undeliverable()
    assert (row["sink"], row["event"], row["tries"], row["failed_at"]) == ("webhook", "opened", 5, now)
    assert "UnicodeEncodeError" in str(row["error"])
    counts = stream.queries.counts()
    assert (counts["undelivered"], counts["undeliverable"]) == (0, 1)
    second_sink = FlakySink()
    second_sink.name = "webhook"
    assert Deliveries(store, [second_sink], lambda: now + timedelta(days=9)).send_due() == 0
    assert stream.queries.counts()["undeliverable"] == 1


def test_what_is_undeliverable_is_sent_once_it_is_queued_anew_with_as_many_tries(store: Store) -> None:
    stream = alert(store, "webhook")
    failing_deliveries = Deliveries(store, [Raising()], stream.clock, most_tries=1)
    failing_deliveries.send_due()
    assert failing_deliveries.resend(alert=2) == 0
    assert failing_deliveries.resend(alert=1) == 1
    failing_deliveries.send_due()
    assert stream.queries.undeliverable()[0]["tries"] == 1
    assert (failing_deliveries.resend(), failing_deliveries.resend()) == (1, 0)
    counts = stream.queries.counts()
    assert (counts["undelivered"], counts["undeliverable"]) == (1, 0)
    sink = FlakySink()
    sink.name = "webhook"
    assert Deliveries(store, [sink], stream.clock).send_due() == 1
    assert failing_deliveries.resend() == 0


def test_tries_come_an_hour_apart_at_most(sqlite: Store) -> None:
    stream = alert(sqlite, "webhook")
    now = stream.clock()
    deliveries = Deliveries(sqlite, [Raising()], lambda: now)
    due = select(DeliveryRow.due_at)
    for _ in range(15):
        start = now
        deliveries.send_due()
        now = sqlite.read(lambda session: session.scalars(due).one())
    assert now - start == timedelta(hours=1)


@pytest.mark.parametrize("jump", [-HOUR, HOUR, -timedelta(days=365), timedelta(days=365)], ids=str)
def test_a_clock_that_jumps_holds_up_no_delivery_and_sends_none_twice(sqlite: Store, jump: timedelta) -> None:
    stream = alert(sqlite, "log")
    now, sink = stream.clock(), FlakySink(failures=3)
    deliveries = Deliveries(sqlite, [sink], lambda: now)
    # Waits for its first try, then for the second, third and fourth, while the clock jumps away and back.
    for turn, pause in enumerate((0, 1, 2, 4)):
        now += jump if turn % 2 == 0 else -jump
        now += timedelta(seconds=pause)
        deliveries.send_due()
        assert (sink.failures, len(sink.told)) == ((2 - turn, 0) if turn < 3 else (0, 1))
    for step in (jump, -jump):
        now += step
        assert deliveries.send_due() == 0
    assert len(sink.told) == 1


def test_a_pause_is_kept_while_the_clock_goes_on(sqlite: Store) -> None:
    stream = alert(sqlite, "log")
    now, sink = stream.clock(), FlakySink(failures=20)
    deliveries = Deliveries(sqlite, [sink], lambda: now)
    for tries in range(20):
        deliveries.send_due()
        now += min(timedelta(seconds=2**tries), HOUR) - timedelta(microseconds=1)
        deliveries.send_due()
        assert sink.failures == 19 - tries
        now += timedelta(microseconds=1)


def test_what_was_sent_before_a_crash_is_sent_again_with_the_same_key(alert_stream: Stream) -> None:
    class Crashing(FlakySink):
        def send(self, payload: Any, key: str) -> None:
            super().send(payload, key)
            raise KeyboardInterrupt

    crashing_sink, second_sink = Crashing(), FlakySink()
    with pytest.raises(KeyboardInterrupt):
        Deliveries(alert_stream.store, [crashing_sink], alert_stream.clock).send_due()
    assert Deliveries(alert_stream.store, [second_sink], alert_stream.clock).send_due() == 1
    assert crashing_sink.told == second_sink.told


def test_an_outage_of_the_database_does_not_end_the_deliveries(sqlite: Store) -> None:
    outages, look = [StoreError("away")], threading.Event()

    class Outage(Store):
        def read(self, work: Any) -> Any:
            if outages:
                raise outages.pop()
            look.set()
            return sqlite.read(work)

    with Deliveries(Outage(None), [FlakySink()], Stream(sqlite).clock).delivery_threads(seconds=0.01):  # type: ignore[arg-type]
        assert look.wait(60)


class Slow(FlakySink):
    """Takes its time with each alert until it is released."""

    name = "webhook"

    def __init__(self) -> None:
        super().__init__()
        self.began, self.released = threading.Event(), threading.Event()

    def send(self, payload: Any, key: str) -> None:
        self.began.set()
        assert self.released.wait(60)
        super().send(payload, key)


def test_a_slow_sink_delays_itself_alone(sqlite: Store) -> None:
    stream = alert(sqlite, "webhook", "log")
    slow, sink, delivery = Slow(), FlakySink(), threading.Event()
    sink.send = lambda *_: delivery.set()  # type: ignore[method-assign]
    with Deliveries(sqlite, [slow, sink], stream.clock).delivery_threads(seconds=0.01):
        assert slow.began.wait(60)
        assert delivery.wait(60)
        assert not slow.told
        slow.released.set()
    assert (stream.queries.counts()["undelivered"], len(slow.told)) == (0, 1)


def test_each_sink_is_told_in_order_and_what_comes_last_at_the_end(sqlite: Store) -> None:
    stream, slow, sink = alert(sqlite, "webhook", "log"), Slow(), FlakySink()
    with Deliveries(sqlite, [slow, sink], stream.clock).delivery_threads(seconds=0.01):
        assert slow.began.wait(60)
        stream.hour(9, 100, 20)
        stream.evaluator.evaluate(final=True)
        slow.released.set()
    assert [event for event, _ in slow.told] == [event for event, _ in sink.told] == ["opened", "ended"]


def test_each_sink_is_told_once_and_others_wait(sqlite: Store) -> None:
    stream = alert(sqlite, "log", "webhook")
    sink = FlakySink()
    assert Deliveries(sqlite, [sink], stream.clock).send_due() == 1
    assert Deliveries(sqlite, [sink], stream.clock).send_due() == 0
    assert stream.queries.counts()["undelivered"] == 1


def test_the_log_has_a_line_an_alert(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "alerts.jsonl"
    for key in "ab":
        LogSink(file).send(PAYLOAD, key)
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["key"] for line in lines] == ["a", "b"]
    assert lines[0]["texts"] == PAYLOAD["texts"]
    with pytest.raises(SinkError, match="cannot be written"):
        LogSink(tmp_path).send(PAYLOAD, "a")


def test_a_webhook_is_posted_with_a_key_that_tells_repeats() -> None:
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(204 if len(requests) == 1 else 500)

    sink = WebhookSink(WebhookSettings(url="https://hooks.example/a", token="secret"), httpx2.MockTransport(answer))
    sink.send(PAYLOAD, "k1")
    assert json.loads(requests[0].content) == PAYLOAD
    assert (requests[0].headers["Idempotency-Key"], requests[0].headers["Authorization"]) == ("k1", "Bearer secret")
    with pytest.raises(SinkError, match="answered 500"):
        sink.send(PAYLOAD, "k1")
    with pytest.raises(SinkError, match=r"127\.0\.0\.1:1"):
        WebhookSink(WebhookSettings(url="http://127.0.0.1:1/")).send(PAYLOAD, "k1")


HOOK = "https://me:pass%20word@hooks.example:8443/services/T0/B1/tokentoken?key=querysecret"
SECRETS = ("me:pass", "pass word", "pass%20word", "services", "tokentoken", "querysecret", "bearersecret")


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ConnectError(f"cannot reach {HOOK}"),
        httpx2.UnsupportedProtocol("of /services/T0/B1/tokentoken with querysecret"),
        ValueError("Bearer bearersecret, pass word"),
    ],
)
def test_no_secret_of_the_address_is_in_errors_and_logs(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    settings = WebhookSettings(url=HOOK, token="bearersecret")
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(SinkError, match=r"https://hooks\.example:8443/\.\.\.: ") as excinfo,
    ):
        WebhookSink(settings, httpx2.MockTransport(answer)).send(PAYLOAD, "k1")
    with caplog.at_level(logging.INFO):
        WebhookSink(settings, httpx2.MockTransport(lambda _: httpx2.Response(200))).send(PAYLOAD, "k1")
    assert "HTTP Request" in caplog.text
    for secret in SECRETS:
        assert secret not in f"{excinfo.value}{caplog.text}"
    assert excinfo.value.__cause__ is None


class Endless(httpx2.AsyncByteStream):
    """An answer of 400 MB, and how much of it was taken."""

    taken = 0
    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(6400):
            self.taken += 1 << 16
            yield bytes(1 << 16)

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("status", [200, 500])
def test_a_large_answer_is_not_read(status: int) -> None:
    stream = Endless()
    transport = httpx2.MockTransport(lambda _: httpx2.Response(status, stream=stream))
    sink = WebhookSink(WebhookSettings(url="https://hooks.example/a"), transport)
    if status == 200:
        sink.send(PAYLOAD, "k1")
    else:
        with pytest.raises(SinkError, match="answered 500"):
            sink.send(PAYLOAD, "k1")
    assert (stream.taken, stream.closed) == (1 << 16, True)


def test_a_try_ends_at_its_deadline_however_slowly_it_is_answered() -> None:
    with dribbling(b"HTTP/1.1 200 OK\r\nx: ") as (host, port):
        sink = WebhookSink(WebhookSettings(url=f"http://{host}:{port}/", timeout=0.3))
        with pytest.raises(SinkError, match=f"http://{host}:{port}: no answer within 0.3 s"):
            sink.send(PAYLOAD, "k1")
    # Its status is there: it has taken it.
    with dribbling(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n") as (host, port):
        WebhookSink(WebhookSettings(url=f"http://{host}:{port}/", timeout=0.3)).send(PAYLOAD, "k1")


def test_a_webhook_is_posted_where_an_event_loop_runs() -> None:
    async def send() -> None:
        transport = httpx2.MockTransport(lambda _: httpx2.Response(200))
        WebhookSink(WebhookSettings(url="https://hooks.example/"), transport).send(PAYLOAD, "k1")

    asyncio.run(send())


@pytest.mark.parametrize(
    ("item", "complains"),
    [
        ("webhook.token=s\u00e9cret", "webhook.token: must be printable ASCII"),
        ("webhook.token=secret\u007f", "webhook.token: must be printable ASCII"),
        ("webhook.url=ftp://secret@x", "webhook.url: is no web address; expected https://HOST/PATH"),
        ("webhook.url=https://", "webhook.url: is no web address"),
        ("webhook.url=https://h:secret/", "webhook.url: is no web address"),
        ("smtp.password=s\u00e9cret", "smtp.password: must be printable ASCII"),
        ("smtp.user=s\u00e9cret", "smtp.user: must be printable ASCII"),
        ("smtp.host=a..b", "smtp.host: is no host's name"),
        (r'smtp.sender="a@b\nBcc: c@d"', "smtp.sender: "),
        ('smtp.to=["a@b", ""]', "smtp.to: '' is no mail address"),
    ],
)
def test_settings_that_no_sink_can_use_are_refused_in_one_line_without_secrets(item: str, complains: str) -> None:
    values = {"webhook": {"url": "https://h/"}, "smtp": {"host": "h", "sender": "a@x", "to": ["b@x"]}}
    with pytest.raises(SettingsError, match=re.escape(complains)) as excinfo:
        build_settings(MonitorSettings, values, [item], source="settings")
    assert "cret" not in str(excinfo.value).removeprefix("settings: ")
    assert "\n" not in str(excinfo.value)
