"""What a server is sent by mistake or by malice leaves it answering, in no more memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from tensorflow.core.framework import types_pb2

from tests.conformance.suite import TestedServer
from tests.malformed import PREDICT, any_request, predict_bytes, sender, valid
from tests.memory import resident_megabytes

_Send = Callable[[str, bytes], grpc.StatusCode]


def _send_many(send: _Send, source: random.Random, number: int) -> Counter[grpc.StatusCode]:
    # Fewer callers than the server has threads, or some would be refused unread.
    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(lambda request: send(*request), [any_request(source) for _ in range(number)]))


def _still_answers(send: _Send) -> bool:
    return all(send(path, data) is grpc.StatusCode.OK for path, data in valid())


def test_a_thousand(main: TestedServer) -> None:
    send = sender(main.calls.channel)
    codes = _send_many(send, random.Random(3), 1000)
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > 100
    assert _still_answers(send)


@pytest.mark.needs("resource-tensors")
def test_a_resource_handle_harms_nobody(main: TestedServer) -> None:
    send = sender(main.calls.channel)
    for shape, fields in (([], {}), ([1], {}), ([2], {"tensor_content": b"handle"}), ([0], {})):
        assert send(PREDICT, predict_bytes(types_pb2.DT_RESOURCE, shape, fields)) is grpc.StatusCode.INVALID_ARGUMENT
    assert _still_answers(send)


@pytest.mark.slow
@pytest.mark.needs("memory")
def test_ten_thousand_leave_the_memory_flat(main: TestedServer) -> None:
    send, source = sender(main.calls.channel), random.Random(7)
    _send_many(send, source, 5000)
    before = resident_megabytes(main.pid)
    codes = _send_many(send, source, 10_000)
    # Threads and allocators settle within about 10 MB over 40 000; one leaked call each would be over 100 MB here.
    assert resident_megabytes(main.pid) - before < 20
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > 1000
    assert _still_answers(send)
