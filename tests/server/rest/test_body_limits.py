from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.conformance.rest import ask
from tests.server.echo import Echo, serving_echo
from tfapp.server.rest.body_limits import BodyShare, PendingBytes, TooManyBytesError

_PREDICT = "/v1/models/echo:predict"
# Of each body, these bytes are not counted.
_FREE = 65_536
_MB = 1 << 20


class Bodies:
    """Bodies that are being read; the callers of those that were ended are in `ended`."""

    def __init__(self, max_bytes: int) -> None:
        self.now = 0.0
        self.pending = PendingBytes(max_bytes, clock=lambda: self.now)
        self.ended: list[str] = []

    def begin(self, caller: str, size: int) -> BodyShare:
        share = BodyShare(self.pending, caller, lambda: self.ended.append(caller))
        share.add(_FREE + size)
        return share


def test_who_sends_slowly_makes_room() -> None:
    bodies = Bodies(10 * _MB)
    slow = [bodies.begin("many", 3 * _MB) for _ in range(3)]
    bodies.begin("few", _MB)
    with pytest.raises(TooManyBytesError):
        bodies.begin("another", _MB)
    bodies.now = 2.0
    share = bodies.begin("another", _MB)
    assert bodies.ended == ["many"]
    assert bodies.pending.count == 8 * _MB
    share.keep()
    for function in (slow[0].keep, lambda: slow[0].add(1)):
        with pytest.raises(TooManyBytesError):
            function()
    slow[0].release()
    assert bodies.pending.count == 8 * _MB


def test_who_sends_at_a_good_rate_and_what_is_complete_stay() -> None:
    bodies = Bodies(10 * _MB)
    growing_body, complete = bodies.begin("growing", 4 * _MB), bodies.begin("complete", 5 * _MB)
    complete.keep()
    for bodies.now in (0.9, 1.8):
        growing_body.add(100_000)
    with pytest.raises(TooManyBytesError):
        bodies.begin("another", _MB)
    # A trickle is not enough.
    bodies.now = 2.9
    growing_body.add(1000)
    bodies.begin("another", _MB)
    assert bodies.ended == ["growing"]


def test_callers_behind_one_address_make_as_much_room_as_is_needed() -> None:
    bodies = Bodies(10 * _MB)
    for _ in range(9):
        bodies.begin("proxy", _MB)
    bodies.now = 2.0
    bodies.begin("proxy", 4 * _MB)
    assert bodies.ended == ["proxy"] * 3


def test_who_holds_most_takes_no_room_from_others() -> None:
    bodies = Bodies(10 * _MB)
    bodies.begin("few", 4 * _MB)
    bodies.now = 2.0
    with pytest.raises(TooManyBytesError):
        bodies.begin("many", 8 * _MB)
    assert bodies.ended == []


def test_nobody_is_refused_while_others_trickle(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    head = b"POST %s HTTP/1.1\r\ncontent-length: 3000000\r\n\r\n" % _PREDICT.encode()
    body = json.dumps({"inputs": [1.0] * 40_000})
    with (
        serving_echo(tmp_path, Echo(), rest_api_port=0, rest_api_max_pending_bytes=8 << 20) as server,
        ExitStack() as connections,
    ):
        assert server.rest_port
        slow = []
        for _ in range(3):
            slow.append(connections.enter_context(socket.create_connection(("127.0.0.1", server.rest_port), 60)))
            slow[-1].sendall(head + b" " * 2_850_000)
        # Its one loop reads what has come, some more for each of these.
        for _ in range(100):
            assert ask(server.rest_port, "GET", "/v1/models/echo").status == 200
        end = time.monotonic() + 30
        while "send slowly" not in caplog.text:
            assert time.monotonic() < end
            reply = ask(server.rest_port, "POST", _PREDICT, body)
            for connection in slow:
                with suppress(ConnectionError):
                    connection.sendall(b" ")
        assert reply.status == 200
        # One was ended, and makes room for good.
        assert ask(server.rest_port, "POST", _PREDICT, body).status == 200
