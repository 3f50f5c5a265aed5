"""Messages that do not come, and answers that nobody takes, end their calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from tests.server.echo import Echo, serving_echo
from tfapp.server.grpc.message_timeouts import MessageTimeouts
from tfapp.server.unread_answers import UnreadAnswers


class _Call:
    """A call that is over when its caller has taken the answer, or it is cancelled."""

    def __init__(self, *, over: bool = False) -> None:
        self.cancelled = threading.Event()
        self._over = over
        self._callbacks: list[Callable[[], None]] = []

    def peer(self) -> str:
        return "peer"

    def cancel(self) -> None:
        self.cancelled.set()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self._callbacks.append(callback)
        return not self._over

    def take(self) -> None:
        for callback in self._callbacks:
            callback()


def test_an_answer_that_nobody_takes_ends_its_call() -> None:
    timeouts = MessageTimeouts(0.05, UnreadAnswers(1 << 20))
    read_call, ended_call, stuck_call = _Call(), _Call(over=True), _Call()
    for call in (read_call, ended_call, stuck_call):
        timeouts.watch_answer(call, 1)  # type: ignore[arg-type]
    read_call.take()
    assert stuck_call.cancelled.wait(60)
    assert not read_call.cancelled.is_set()
    assert not ended_call.cancelled.is_set()


def test_a_message_that_does_not_come_ends_its_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    never = threading.Event()

    def messages() -> Iterator[bytes]:
        never.wait()
        yield b""

    with (
        serving_echo(tmp_path, Echo(), grpc_message_timeout_seconds=0.05) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        with pytest.raises(grpc.RpcError) as excinfo:
            call(messages(), timeout=60)
        never.set()
    bound = "the message has not come within 0.05 s (--grpc_message_timeout_seconds)"
    assert (excinfo.value.code(), excinfo.value.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, bound)
    assert f"{bound}: ended 1 calls, the first of " in caplog.text
