"""Too many calls that wait for their message: those go whose callers have most, and who send go last."""

from __future__ import annotations

import socket
from typing import Any

from tfapp.server.grpc.waiting_call_bound import WaitingCallBound, received_bytes

_MOST = 32
_SENDING = 100_000


class _WaitingCall:
    """A call of a connection, which is an address and a port."""

    def __init__(self, host: str, port: int) -> None:
        self.connection = (host, port)

    def peer(self) -> str:
        return f"ipv4:{self.connection[0]}:{self.connection[1]}"


def _calls(host: str, connections: int, each: int = 1, *, first: int = 1) -> list[Any]:
    return [_WaitingCall(host, port) for _ in range(each) for port in range(first, first + connections)]


def _excess(calls: list[Any], *, sending: list[Any] | None = None, old: list[Any] | None = None) -> list[Any]:
    received = {call.connection: _SENDING for call in sending or []}
    return WaitingCallBound(_MOST, received=lambda: received).excess(calls, calls if old is None else old)


def test_connections_with_most_calls_lose_their_oldest() -> None:
    single_call, *many_calls = [*_calls("10.0.0.1", 1), *_calls("10.0.0.1", 2, 20, first=7)]
    ended_calls = _excess([single_call, *many_calls])
    assert single_call not in ended_calls
    assert ended_calls == many_calls[: len(ended_calls)]


def test_addresses_with_most_calls_lose_them_though_each_connection_has_one() -> None:
    single_call, *many_calls = [*_calls("10.0.0.1", 1), *_calls("10.0.0.2", _MOST)]
    ended_calls = _excess([single_call, *many_calls])
    assert single_call not in ended_calls
    assert len(ended_calls) > _MOST // 2


def test_who_has_few_is_spared_also_where_those_of_others_are_too_new_to_be_ended() -> None:
    old_calls = [*_calls("10.0.0.1", 1), *_calls("10.0.0.2", 1, 4)]
    ended_calls = _excess([*old_calls, *_calls("10.0.0.2", 1, 2 * _MOST)], old=old_calls)
    assert ended_calls == old_calls[1:]


def test_who_sends_is_ended_only_as_far_as_the_bound_asks() -> None:
    calls = _calls("10.0.0.1", _MOST + 4)
    assert _excess(calls, sending=calls) == calls[:5]
    assert len(_excess(calls)) > _MOST // 2


def test_who_sends_is_spared_beside_those_who_do_not() -> None:
    sending_calls, silent_calls = _calls("10.0.0.1", _MOST // 2), _calls("10.0.0.1", _MOST, first=100)
    ended_calls = _excess([*sending_calls, *silent_calls], sending=sending_calls)
    assert set(ended_calls) == set(silent_calls)


def test_a_connection_that_begins_many_calls_does_not_count_as_sending() -> None:
    calls = [*_calls("10.0.0.1", 1, 10 * _MOST)]
    assert len(_excess(calls, sending=calls[:1])) > 9 * _MOST


def test_the_system_knows_the_bytes_of_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        connection, peer = server.accept()
        with connection:
            client.sendall(bytes(77))
            connection.recv(77, socket.MSG_WAITALL)
            assert received_bytes()[peer] == 77
