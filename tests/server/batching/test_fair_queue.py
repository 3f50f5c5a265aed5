from __future__ import annotations

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.server.batching.batch_request import BatchRequest, BatchSlice
from tfapp.server.batching.fair_queue import FairQueue
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError


def _request(rows: int, context: RequestContext | None = None) -> BatchRequest:
    return BatchRequest({"x": np.zeros(rows)}, ["y"], context or RequestContext(), 0.0)


def _caller(connection: int, address: int = 1) -> RequestContext:
    return RequestContext(connection=f"ipv4:10.0.0.{address}:{connection}")


class _QueueHarness:
    """A queue, whose batches are taken one after another."""

    def __init__(self, limit: int) -> None:
        self.queue = FairQueue(limit)

    def add(self, rows: int, context: RequestContext | None = None) -> BatchRequest:
        request = _request(rows, context)
        self.queue.add(request)
        return request

    def take(self, *, calm: bool = False) -> list[BatchSlice]:
        return self.queue.take(0.0) if self.queue.whole_rows else self.queue.take_large_batch(0.0, calm=calm)

    def sizes(self, *, calm: bool = False) -> list[int]:
        return [len(batch_slice) for batch_slice in self.take(calm=calm)]

    @property
    def rows(self) -> int:
        return self.queue.whole_rows + self.queue.large_rows


def test_large_requests_fill_batches_while_it_is_calm_and_short_ones_else() -> None:
    server = _QueueHarness(64)
    server.add(200)
    assert [server.sizes(calm=calm) for calm in (True, False, True, True, True)] == [[64], [8], [64], [64], []]


def test_large_requests_gain_a_row_for_three_of_others_however_many_come() -> None:
    server = _QueueHarness(64)
    large = [server.add(5000), server.add(5000)]
    other_rows = 0
    for _ in range(100):
        for _ in range(70):
            server.add(1)
        slices = server.take()
        assert sum(map(len, slices)) <= 64
        other_rows += sum(len(batch_slice) for batch_slice in slices if batch_slice.request not in large)
    shares = [5000 - request.rows_left for request in large]
    assert other_rows // 3 - 64 <= sum(shares) <= other_rows // 3 + 64
    assert abs(shares[0] - shares[1]) <= 64


def test_what_large_requests_had_alone_counts_when_others_come() -> None:
    server = _QueueHarness(64)
    server.add(1000)
    assert server.sizes(calm=False) == [8]
    server.add(24)
    assert server.sizes() == [24]
    server.add(24)
    assert server.sizes() == [24, 8]


def test_large_requests_gain_beside_others_that_fill_batches() -> None:
    server = _QueueHarness(64)
    large = server.add(1000)
    for _ in range(40):
        server.add(64)
    sizes = [server.sizes() for _ in range(40)]
    assert large.rows_left == 1000 - 64 * 10
    assert sizes == [[64]] * 40


def test_who_has_left_takes_no_room() -> None:
    server = _QueueHarness(4)
    context = RequestContext()
    server.add(100, context)
    server.add(2, context)
    stays = server.add(3)
    context.cancel()
    assert [batch_slice.request for batch_slice in server.take()] == [stays]
    assert (len(server.queue), server.rows) == (0, 0)


def test_a_large_request_has_the_batch_of_those_who_have_left() -> None:
    server = _QueueHarness(1)
    context = RequestContext()
    large = server.add(2)
    server.add(1, context)
    context.cancel()
    assert [batch_slice.request for batch_slice in server.take()] == [large]


def test_no_slice_is_taken_after_the_time_of_its_caller() -> None:
    now = [0.0]
    server = _QueueHarness(4)
    server.add(100, RequestContext(10, clock=lambda: now[0]))
    assert server.sizes(calm=True) == [4]
    now[0] = 10.0
    assert server.sizes(calm=True) == []
    assert (len(server.queue), server.rows) == (0, 0)


@pytest.mark.parametrize(
    ("crowd", "other"),
    [
        ([_caller(1)], _caller(2)),
        ([_caller(1)], _caller(1, address=2)),
        ([_caller(connection) for connection in range(125)], _caller(1, address=2)),
    ],
    ids=["another connection", "another address", "many connections and another address"],
)
def test_whoever_comes_with_one_request_waits_for_one_batch_of_a_caller_with_many(
    crowd: list[RequestContext], other: RequestContext
) -> None:
    server = _QueueHarness(64)
    for number in range(250):
        server.add(64, crowd[number % len(crowd)])
    server.take()
    request = server.add(1, other)
    server.take()
    server.take()
    assert request.rows_left == 0


def test_requests_of_several_callers_leave_in_one_batch_and_those_of_one_in_their_order() -> None:
    server = _QueueHarness(4)
    requests = [server.add(1, _caller(connection)) for connection in (1, 1, 2, 3, 2, 1)]
    order = [batch_slice.request for _ in range(2) for batch_slice in server.take()]
    assert len(order) == 6
    for connection in (1, 2, 3):
        own_requests = [request for request in requests if request.caller == _caller(connection).caller]
        assert [request for request in order if request in own_requests] == own_requests


def test_callers_have_the_same_rows_whatever_the_sizes_of_their_requests() -> None:
    server = _QueueHarness(8)
    large = [server.add(8, _caller(1)) for _ in range(20)]
    small = [server.add(1, _caller(2, address=2)) for _ in range(160)]
    for _ in range(20):
        server.take()
    assert sum(request.rows - request.rows_left for request in large) == 80
    assert sum(request.rows_left == 0 for request in small) == 80


def test_a_caller_with_one_large_request_has_as_much_of_the_batches_as_one_with_many() -> None:
    server = _QueueHarness(4)
    crowd = [server.add(40, _caller(1)) for _ in range(9)]
    other = server.add(40, _caller(2))
    for _ in range(20):
        server.take(calm=True)
    assert (other.rows_left, sum(request.rows_left for request in crowd)) == (0, 8 * 40)


def test_the_oldest_request_is_known_whoever_has_the_turn() -> None:
    queue = FairQueue(2)
    for since, connection in enumerate((1, 1, 1, 2), start=5):
        queue.add(BatchRequest({"x": np.zeros(1)}, ["y"], _caller(connection), float(since)))
    queue.take(9.0)
    assert (queue.since, queue.turn) == (7.0, 9.0)


@pytest.mark.parametrize(("rows", "limit"), [(1, 4), (5, 1)], ids=["requests that fit", "large requests"])
def test_a_full_queue_refuses_the_newest_request_of_whoever_holds_most(rows: int, limit: int) -> None:
    server = _QueueHarness(limit)
    crowd = [server.add(rows, _caller(1)) for _ in range(3)]
    bystander = server.add(rows, _caller(2))
    newcomer = _caller(1, address=2)
    max_batches = 1 if rows <= limit else 4
    for dropped in (crowd[2], crowd[1]):
        server.queue.make_room(_request(rows, newcomer), max_batches)
        assert server.add(rows, newcomer).is_wanted
        message = "task was submitted is full; currently .* batches enqueued and max_enqueued_batches is"
        with pytest.raises(RequestError, match=message) as excinfo:
            dropped.wait()
        assert excinfo.value.code is grpc.StatusCode.UNAVAILABLE
    assert crowd[0].is_wanted
    assert bystander.is_wanted
    # Both addresses hold two now, and nobody has more than another would.
    for caller in (_caller(1), newcomer):
        with pytest.raises(RequestError, match=message):
            server.queue.make_room(_request(rows, caller), max_batches)
    assert (len(server.queue), server.rows) == (4, 4 * rows)


def test_many_connections_of_one_address_leave_room_for_others() -> None:
    server = _QueueHarness(2)
    crowd = [server.add(1, _caller(connection)) for connection in range(6)]
    server.queue.make_room(_request(2, _caller(1, address=2)), 3)
    assert sum(request.is_wanted for request in crowd) == 4


@given(
    st.integers(1, 12),
    st.lists(st.one_of(st.integers(1, 40), st.sampled_from([0, -1, -2])), max_size=60),
)
def test_no_side_starves_and_no_row_is_lost(limit: int, steps: list[int]) -> None:
    """A number is a request of so many rows, 0 and -1 take a batch, -2 has the last caller leave."""
    server = _QueueHarness(limit)
    requests: list[BatchRequest] = []
    callers: list[RequestContext] = []
    slices: list[BatchSlice] = []
    waits = 0
    remaining = iter(steps)
    while (step := next(remaining, 0)) or server.queue:
        if step > 0:
            callers.append(RequestContext())
            requests.append(server.add(step, callers[-1]))
        elif step == -2:
            for context in callers[-1:]:
                context.cancel()
        else:
            first = next((request for request in server.queue if request.rows <= limit and request.is_wanted), None)
            batch = server.take(calm=step == -1)
            assert sum(map(len, batch)) <= limit
            assert batch or not any(request.is_wanted for request in server.queue)
            waits = waits + 1 if first is not None and first.rows_left else 0
            # One batch may belong to the large ones, when much is owed to them.
            assert waits <= 1
            slices += batch
    assert (len(server.queue), server.rows) == (0, 0)
    for request, context in zip(requests, callers, strict=True):
        parts = [(batch_slice.start, batch_slice.stop) for batch_slice in slices if batch_slice.request is request]
        assert request.rows > limit or len(parts) <= 1
        assert [start for start, _ in parts] == [0, *(stop for _, stop in parts)][: len(parts)]
        assert context.is_cancelled or parts[-1][1] == request.rows
    small = [batch_slice.request for batch_slice in slices if batch_slice.request.rows <= limit]
    assert small == [request for request in requests if request in small]
