from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfapp.server.batching.batch_request import BatchRequest, BatchSlice
from tfapp.server.batching.fair_queue import FairQueue
from tfapp.server.request_context import RequestContext


def _request(rows: int, context: RequestContext | None = None) -> BatchRequest:
    return BatchRequest({"x": np.zeros(rows)}, ["y"], context or RequestContext(), 0.0)


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
