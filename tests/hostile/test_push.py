"""The port that texts are pushed to under attack."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator

import pytest

from tests.hostile.attack import HANG_SECONDS, AttackPlan, attack
from tests.hostile.draws import maybe, nest, number, text
from tests.hostile.http_requests import HttpRequest, any_http, any_json, exchange
from tfapp.apps.monitor.batches import IngestCounts
from tfapp.apps.monitor.readers.push import PushReader

_FIELDS = ("text", "time", "source", "id", "topic")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A reader whose texts are stored at once, as far as it goes."""
    reader, stop = PushReader("127.0.0.1", 0), threading.Event()

    def store() -> None:
        for batch in reader.batches(stop):
            batch.stored(IngestCounts(len(batch.rows)))

    thread = threading.Thread(target=store)
    thread.start()
    try:
        yield "127.0.0.1", int(reader.address.rpartition(":")[2])
    finally:
        stop.set()
        thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def any_messages(source: random.Random) -> bytes:
    """Draws what is posted: an object, a list, lines, or what only looks like it."""
    if maybe(source, 0.3):
        return any_json(source)
    rows = [
        {source.choice(_FIELDS): _value(source) for _ in range(source.randrange(4))}
        for _ in range(source.choice((0, 1, 3)))
    ]
    match source.randrange(4):
        case 0:
            return b"0," * source.choice((3, 5000)) + b"0"
        case 1:
            return b"[" + b"0," * source.choice((3, 5000)) + b"0]"
        case 2:
            return "\n".join(json.dumps(row) for row in rows).encode()
        case _:
            return json.dumps(rows).encode()


def test_any_request(address: tuple[str, int], plan: AttackPlan) -> None:
    host = f"{address[0]}:{address[1]}"

    def strike(source: random.Random) -> None:
        request = any_http(source, ("/messages", "/messages", "/messages", "/health"), any_messages, Host=host)
        answer = exchange(address, request, HANG_SECONDS)
        assert answer.status != 500, f"{request.data[:500]!r}: {answer.body[:300]!r}"
        assert not request.is_whole or answer.status, f"{request.data[:500]!r}: no answer"

    def still_good() -> None:
        body = b'[{"text": "a"}]'
        head = f"POST /messages HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
        answer = exchange(address, HttpRequest(request, is_whole=True), HANG_SECONDS)
        assert (answer.status, json.loads(answer.body)["stored"]) == (200, 1)

    attack(plan, 100, strike, still_good)


def _value(source: random.Random) -> object:
    return source.choice(
        (
            text(source),
            number(source),
            None,
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59+14:00",
            nest(source, text),
            {},
        )
    )
