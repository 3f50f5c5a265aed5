"""Requests that are merged, and a queue that is full."""

from __future__ import annotations

import re
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import grpc
import pytest
from tfapp_client import codec

from tests.conformance.rest import RestResponse, ask
from tests.conformance.servers import BATCH_ROWS, REST_SECONDS, BatchingServer
from tests.conformance.suite import TestedServer

pytestmark = pytest.mark.needs("batching")

_FULL = re.compile(
    "The batch scheduling queue to which this task was submitted is full; "
    r"currently \d+ batches enqueued and max_enqueued_batches is 1"
)
_TIME_IS_UP = "Run() timeout exceeded while waiting in batching queue"


@pytest.fixture
def busy_server(batching_server: BatchingServer, gate: Path) -> Busy:
    """The server, its only thread held until `open` is called."""
    return Busy(batching_server.tested, gate)


class Busy:
    """A server that works on one request as long as its gate is shut.

    Attributes:
        server: The server.
        first: The request.
    """

    def __init__(self, server: TestedServer, gate: Path) -> None:
        self.server = server
        self._gate = gate
        self.first = server.calls.start("gate", {"gate": [str(gate)] * BATCH_ROWS})
        server.wait_for(gate.with_name("gate.entered").exists)

    def open(self) -> None:
        """Lets it go on."""
        self._gate.touch()

    def fill(self) -> list[Any]:
        """Sends requests of one row until one is refused; returns all."""
        calls: list[Any] = []

        def refused() -> bool:
            if len(calls) < 5 * BATCH_ROWS:
                calls.append(self.server.calls.start("gate", {"gate": [""]}))
            return any(call.done() for call in calls)

        self.server.wait_for(refused)
        return calls


@pytest.mark.needs("batching-errors")
def test_a_full_queue_refuses_and_what_waits_runs_together(busy_server: Busy) -> None:
    calls = busy_server.fill()
    busy_server.open()
    rows = [codec.decode(call.result().outputs["rows"]).tolist() for call in calls if call.exception() is None]
    refusals = [call for call in calls if call.exception() is not None]
    assert {call.code() for call in refusals} == {grpc.StatusCode.UNAVAILABLE}
    assert all(_FULL.fullmatch(call.details()) for call in refusals)
    assert busy_server.first.result()
    # As many as fill the largest batch had to wait; nothing larger ran.
    assert rows.count([BATCH_ROWS]) >= BATCH_ROWS
    assert max(rows) == [BATCH_ROWS]


@pytest.mark.needs("batching-errors", "rest")
def test_a_full_queue_is_a_503(busy_server: Busy) -> None:
    with ThreadPoolExecutor(5 * BATCH_ROWS) as pool:
        replies = [pool.submit(_predict, busy_server.server, "") for _ in range(5 * BATCH_ROWS)]
        wait(replies, return_when=FIRST_COMPLETED)
        busy_server.open()
        results = [reply.result() for reply in replies]
    refusals = [result for result in results if result.status == 503]
    assert refusals
    assert all(_FULL.fullmatch(result.json()["error"]) for result in refusals)
    # Where the calls come slowly, the time of the first is up.
    assert {result.status for result in results} <= {200, 429, 503}


@pytest.mark.needs("batching-errors", "rest")
def test_whose_time_is_up_in_the_queue_is_told_by_rest(busy_server: Busy) -> None:
    """Over gRPC a call ends at its deadline on both sides; over REST its caller still listens."""
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(_predict, busy_server.server, "")
        # Whoever answers only when the thread is free again finds the time up by then.
        wait([reply], 3 * REST_SECONDS)
        busy_server.open()
        assert (reply.result().status, reply.result().json()) == (429, {"error": _TIME_IS_UP})


@pytest.mark.needs("rest")
def test_whose_time_is_up_while_it_runs_is_told_by_rest(batching_server: BatchingServer, gate: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(_predict, batching_server.tested, str(gate))
        batching_server.tested.wait_for(gate.with_name("gate.entered").exists)
        wait([reply], 3 * REST_SECONDS)
        gate.touch()
        assert reply.result().status == 504, reply.result().text


@pytest.mark.needs("batching-errors")
def test_whose_time_is_up_in_the_queue_is_not_run(busy_server: Busy, scratch: Path) -> None:
    call = busy_server.server.calls.start("gate", {"gate": [str(scratch / "late")]}, timeout=0.5)
    # At its deadline a call ends on both sides; what comes first is chance.
    assert call.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    if call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        assert call.details() == _TIME_IS_UP
    (scratch / "late").touch()
    busy_server.open()
    assert busy_server.first.result()
    # Behind it in the queue.
    assert busy_server.server.calls.outputs("gate", {"gate": [""]})["gate"] == [b""]
    assert not (scratch / "late.entered").exists()


def test_a_batch_is_filled_up_to_an_allowed_size(batching_server: BatchingServer) -> None:
    answers = [batching_server.tested.calls.outputs("gate", {"gate": [""] * rows}) for rows in (1, 2, 3, 4)]
    assert [answer["rows"] for answer in answers] == [[2], [2] * 2, [4] * 3, [4] * 4]
    assert [len(answer["gate"]) for answer in answers] == [1, 2, 3, 4]


def _predict(server: TestedServer, gate: str) -> RestResponse:
    return ask(server.rest_port, "POST", "/v1/models/gate:predict", {"instances": [gate]})
