"""Calls without a message are ended where they are many, those of greedy connections first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from tfapp.server.pending_messages import PendingMessages

_MANY = 32


class _Call:
    """A call of a connection, whose message comes when it is sent or never."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._over = threading.Event()
        self._cancelled = False

    def peer(self) -> str:
        return self._connection

    def cancel(self) -> None:
        self._cancelled = True
        self._over.set()

    def send(self) -> None:
        self._over.set()

    def messages(self) -> Iterator[str]:
        assert self._over.wait(60)
        if not self._cancelled:
            yield "message"


def _wait_all(pending: PendingMessages, calls: list[_Call]) -> tuple[list[Any], list[threading.Thread]]:
    """Has threads wait for a message each; each notes what came."""
    results: list[Any] = [None] * len(calls)

    def wait(number: int, call: _Call) -> None:
        results[number] = list(pending.each(call.messages(), call))  # type: ignore[arg-type]

    threads = [threading.Thread(target=wait, args=entry) for entry in enumerate(calls)]
    for thread in threads:
        thread.start()
    return results, threads


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_connection_with_few_calls_is_spared_while_others_have_many() -> None:
    slow = _Call("slow")
    silent = [_Call("silent") for _ in range(_MANY)]
    results, threads = _wait_all(PendingMessages(_MANY, 0.01), [slow, *silent])
    # The first of the silent calls were there when it became too many.
    _join(threads[1 : _MANY // 2])
    for call in (slow, *silent):
        call.send()
    _join(threads)
    assert results[: _MANY // 2] == [["message"], *[[]] * (_MANY // 2 - 1)]


def test_many_connections_with_few_calls_are_not() -> None:
    results, threads = _wait_all(
        PendingMessages(_MANY, 0.01), [_Call(f"connection {number}") for number in range(_MANY)]
    )
    _join(threads)
    assert results == [[]] * _MANY
