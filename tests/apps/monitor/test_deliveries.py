from __future__ import annotations

import json
import smtplib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from tests.apps.monitor.stream import Stream
from tests.apps.monitor.test_watch import calm
from tfapp.apps.monitor.deliveries import Deliveries
from tfapp.apps.monitor.settings import SmtpSettings, WebhookSettings
from tfapp.apps.monitor.sinks import LogSink, MailSink, SinkError, WebhookSink
from tfapp.apps.monitor.tables import DeliveryRow
from tfapp.apps.monitor.watch import Watch
from tfapp.apps.store import Store
from tfapp.errors import SettingsError, StoreError
from tfapp.overrides import build_settings

ALERT = {"headline": "phone:\nnegative share from 20% to 80%", "topic": "phone"}
PAYLOAD = {"event": "opened", "alert": ALERT, "texts": [{"text": "It ißt bad", "source": "shop", "time": "noon"}]}


class Flaky:
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


@pytest.fixture
def alerted(store: Store) -> Stream:
    """An alert waits to be delivered."""
    stream = Stream(store)
    calm(stream)
    stream.hour(8, 20, 16)
    stream.watch.judge(final=True)
    return stream


def test_a_sink_that_fails_is_tried_again_until_it_has_taken_it(alerted: Stream) -> None:
    sink = Flaky(failures=2)
    deliveries = Deliveries(alerted.store, [sink], alerted.clock)
    # The clock goes on a second with each look.
    tries = [deliveries.send_due() for _ in range(8)]
    assert sum(tries) == 1
    assert tries[0] == 0
    assert [event for event, _ in sink.told] == ["opened"]
    (row,) = alerted.store.run(lambda session: list(session.scalars(select(DeliveryRow))))
    assert (row.tries, row.error) == (3, None)
    assert alerted.reading.counts()["undelivered"] == 0


def test_what_was_sent_before_a_crash_is_sent_again_with_the_same_key(alerted: Stream) -> None:
    class Crashing(Flaky):
        def send(self, payload: Any, key: str) -> None:
            super().send(payload, key)
            raise KeyboardInterrupt

    first, second = Crashing(), Flaky()
    with pytest.raises(KeyboardInterrupt):
        Deliveries(alerted.store, [first], alerted.clock).send_due()
    assert Deliveries(alerted.store, [second], alerted.clock).send_due() == 1
    assert first.told == second.told


def test_an_outage_of_the_database_does_not_end_the_deliveries(sqlite: Store) -> None:
    outages, stop = [StoreError("away")], threading.Event()

    class Flaky(Store):
        def read(self, work: Any) -> Any:
            if outages:
                raise outages.pop()
            stop.set()
            return sqlite.read(work)

    Deliveries(Flaky(None), [], Stream(sqlite).clock).run(stop, seconds=0)  # type: ignore[arg-type]
    assert stop.is_set()


def test_each_sink_is_told_once_and_others_wait(sqlite: Store) -> None:
    stream = Stream(sqlite)
    stream.watch = Watch(sqlite, stream.settings, stream.clock, ["log", "webhook"])
    calm(stream)
    stream.hour(8, 20, 16)
    stream.watch.judge(final=True)
    sink = Flaky()
    assert Deliveries(sqlite, [sink], stream.clock).send_due() == 1
    assert Deliveries(sqlite, [sink], stream.clock).send_due() == 0
    assert stream.reading.counts()["undelivered"] == 1


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
    taken: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        taken.append(request)
        return httpx2.Response(204 if len(taken) == 1 else 500)

    sink = WebhookSink(WebhookSettings(url="https://hooks.example/a", token="secret"), httpx2.MockTransport(answer))
    sink.send(PAYLOAD, "k1")
    assert json.loads(taken[0].content) == PAYLOAD
    assert (taken[0].headers["Idempotency-Key"], taken[0].headers["Authorization"]) == ("k1", "Bearer secret")
    with pytest.raises(SinkError, match="answered 500"):
        sink.send(PAYLOAD, "k1")
    with pytest.raises(SinkError, match=r"127\.0\.0\.1:1"):
        WebhookSink(WebhookSettings(url="http://127.0.0.1:1/")).send(PAYLOAD, "k1")


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as one mail takes."""

    allow_reuse_address = True
    daemon_threads = True
    mails: list[bytes]


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while command := self.rfile.readline():
            word = command[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer(("127.0.0.1", 0), _Session) as server:
        server.mails = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_mail_is_sent_by_smtp(mail_server: MailServer) -> None:
    host, port = mail_server.server_address[:2]
    settings = SmtpSettings(host=str(host), port=port, sender="a@x.example", to=("b@x.example",), security="none")
    MailSink(settings).send(PAYLOAD, "k1")
    (mail,) = mail_server.mails
    assert b"Subject: phone: negative share from 20% to 80%\r\n" in mail
    assert b"Message-ID: <k1@tfapp.monitor>" in mail
    assert b"To: b@x.example" in mail


def test_a_mail_server_that_is_away_or_refuses_is_a_sink_that_fails() -> None:
    settings = SmtpSettings(host="127.0.0.1", port=1, sender="a@x.example", to=("b@x.example",), security="none")
    with pytest.raises(SinkError, match=r"127\.0\.0\.1:1"):
        MailSink(settings).send(PAYLOAD, "k1")

    def refuses(_: SmtpSettings) -> smtplib.SMTP:
        raise smtplib.SMTPAuthenticationError(535, b"no")

    with pytest.raises(SinkError, match="535"):
        MailSink(settings, refuses).send(PAYLOAD, "k1")


def test_a_password_is_never_sent_in_the_clear() -> None:
    values = {"host": "h", "sender": "a@x", "to": ["b@x"], "user": "u", "security": "none"}
    with pytest.raises(SettingsError, match="a password is not sent unencrypted"):
        build_settings(SmtpSettings, values, [], source="settings")
