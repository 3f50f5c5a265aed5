"""A model server's gRPC port under attack by frames: partial, odd and compressed streams."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

import grpc
import pytest

from tests.hostile.attack import HANG_SECONDS, AttackPlan, attack
from tests.hostile.grpc_calls import Call, any_call
from tests.hostile.grpc_port import GrpcPort
from tests.hostile.grpc_streams import HEALTH, Conversation, any_conversation, bomb, unread_streams
from tests.hostile.http2 import Http2Connection
from tests.hostile.target import AttackTarget

# Connections that are left open, while others ask.
_MOST_LEFT_OPEN = 4


class StreamCallers:
    """Threads that hold conversations with a port; some stay, until others do.

    Args:
        address: The port's.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._left_open: deque[Http2Connection] = deque()

    def hold(self, conversation: Conversation) -> None:
        """Sends all of it; fails where an answer is missing or wrong, or where the server does not close after it."""
        connection = Http2Connection(self._address, HANG_SECONDS)
        connection.open() if conversation.reads else connection.open(window=0)
        connection.send(conversation.parts)
        connection.wait_for(conversation.ends)
        open_streams = conversation.ends - connection.ended
        assert not open_streams, f"streams {sorted(open_streams)} are not answered: {connection.headers!r:.1000}"
        for stream, question in conversation.questions.items():
            answer = connection.message(stream)
            assert answer is not None, f"stream {stream} has no answer: {connection.headers!r:.1000}"
            question.check(answer)
        # A defect of the server's own, as gRPC for Python tells it.
        assert b"Exception calling" not in connection.headers, repr(connection.headers)
        if conversation.stays:
            self._left_open.append(connection)
            if len(self._left_open) > _MOST_LEFT_OPEN:
                self._left_open.popleft().finish()
        else:
            connection.finish()

    def leave(self) -> None:
        """Closes what is open."""
        for connection in self._left_open:
            connection.close()


@pytest.fixture
def callers(target: AttackTarget) -> Iterator[StreamCallers]:
    stream_callers = StreamCallers(target.address)
    yield stream_callers
    stream_callers.leave()


def test_bombs(port: GrpcPort, callers: StreamCallers) -> None:
    """32 KB that become 32 MiB are answered; this also fills allocators before memory is looked at."""
    for _ in range(3):
        callers.hold(bomb(32 << 20))
        port.still_good()


def test_answers_that_nobody_reads(port: GrpcPort, callers: StreamCallers) -> None:
    """They hold up neither health checks nor requests, though they are more than there are threads."""
    callers.hold(unread_streams(250))
    assert port.send(HEALTH) is grpc.StatusCode.OK
    port.still_good()


def test_any_stream(target: AttackTarget, port: GrpcPort, callers: StreamCallers, plan: AttackPlan) -> None:
    def draw(source: random.Random) -> Call:
        while not port.takes(call := any_call(source, target.models)):
            pass
        return call

    def strike(source: random.Random) -> None:
        callers.hold(any_conversation(source, draw, crowds="pending-calls" not in target.without))

    attack(plan, 120, strike, port.still_good, target.process)
