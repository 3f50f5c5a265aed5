"""A server goes on answering after malformed requests, sent by mistake or malice; `tests/hostile` has more of them."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.conformance.suite import Suite, TestedServer
from tests.hostile import findings
from tests.hostile.grpc_calls import any_call
from tests.hostile.grpc_port import GrpcPort


def test_a_thousand(main: TestedServer, suite: Suite) -> None:
    port = GrpcPort(main.calls.channel, suite.without)
    # Fewer callers than the server has threads, or some would be refused unread.
    with ThreadPoolExecutor(4) as pool:
        calls = [any_call(random.Random(seed), ("numbers", "words")) for seed in range(1000)]
        codes = Counter(pool.map(port.send, calls))
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > 100
    port.still_good()


@pytest.mark.needs("resource-tensors")
def test_a_resource_handle_harms_nobody(main: TestedServer) -> None:
    port = GrpcPort(main.calls.channel)
    assert {port.send(call) for call in findings.RESOURCE_HANDLES} == {grpc.StatusCode.INVALID_ARGUMENT}
    port.still_good()
