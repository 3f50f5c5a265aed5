from __future__ import annotations

import contextlib
import gc
import inspect
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.server.batching.batch_request import BatchRequest
from tfapp.server.batching.batch_scheduler import BatchScheduler, SignatureQueue
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError, invalid_argument
from tfapp.server.settings import BatchingSettings

_CODE = grpc.StatusCode


class Model:
    """Doubles x; notes the batches; refuses negative numbers; waits at the gate."""

    def __init__(self) -> None:
        self.batches: list[list[float]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs: Mapping[str, Any], outputs: Collection[str]) -> dict[str, Any]:
        self.batches.append(inputs["x"].tolist())
        self.entered.release()
        assert self.gate.wait(60)
        if (inputs["x"] < 0).any():
            raise invalid_argument("no negatives")
        results = {"y": inputs["x"] * 2, "z": inputs["x"] + 1, "short": inputs["x"][:1]}
        return {name: results[name] for name in outputs}


class BatchCallers:
    """Calls a queue from threads; `answers` holds arrays or errors in the order of the calls."""

    def __init__(self, queue: SignatureQueue) -> None:
        self._queue = queue
        self._threads: list[threading.Thread] = []
        self.answers: list[Any] = []

    def call(self, *numbers: float, output: str = "y", context: RequestContext | None = None) -> RequestContext:
        who = context or RequestContext()
        at = len(self.answers)
        self.answers.append(None)

        def go() -> None:
            try:
                x = np.array(numbers, np.float32)
                self.answers[at] = self._queue.answer({"x": x}, [output], who)[output].tolist()
            except RequestError as error:
                self.answers[at] = (error.code, error.message)

        thread = threading.Thread(target=go)
        self._threads.append(thread)
        thread.start()
        return who

    def wait_for_queue(self, rows: int) -> None:
        """Waits until so many rows are in the queue."""
        pause, end = threading.Event(), time.monotonic() + 60
        while self._queue.requests.whole_rows + self._queue.requests.large_rows != rows:
            assert time.monotonic() < end
            pause.wait(0.001)

    def join(self) -> list[Any]:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        return self.answers


@pytest.fixture
def model() -> Model:
    return Model()


def _queue(model: Callable[..., Any], **settings: Any) -> SignatureQueue:
    return BatchScheduler(BatchingSettings(**{"num_batch_threads": 1, **settings})).queue(model)


def _busy(queue: SignatureQueue, model: Model, *numbers: float) -> BatchCallers:
    """Callers, the first of whom is at the gate, so that others wait in the queue."""
    model.gate.clear()
    callers = BatchCallers(queue)
    callers.call(*(numbers or (100,)))
    assert model.entered.acquire(timeout=60)
    return callers


def test_what_waits_leaves_together_first_come_first_served(model: Model) -> None:
    queue = _queue(model, max_batch_size=4)
    callers = _busy(queue, model)
    for rows, numbers in ((1, [1]), (3, [2, 3]), (6, [4, 5, 6]), (7, [7])):
        callers.call(*numbers)
        callers.wait_for_queue(rows)
    model.gate.set()
    assert callers.join() == [[200], [2], [4, 6], [8, 10, 12], [14]]
    # A request is not divided if it fits into a batch, and none overtakes.
    assert model.batches == [[100], [1, 2, 3], [4, 5, 6, 7]]


def test_beside_a_batch_that_runs_the_next_gathers_its_fair_share(model: Model) -> None:
    queue = _queue(model, num_batch_threads=2)
    callers = _busy(queue, model, 1, 2, 3)
    callers.call(4)
    callers.wait_for_queue(1)
    callers.call(5)
    callers.wait_for_queue(2)
    assert model.batches == [[1, 2, 3]]
    callers.call(6)
    # As many as run: two threads share them evenly.
    assert model.entered.acquire(timeout=60)
    assert model.batches == [[1, 2, 3], [4, 5, 6]]
    model.gate.set()
    callers.join()


def test_what_gathers_leaves_when_the_batch_beside_it_ends(model: Model) -> None:
    queue = _queue(model, num_batch_threads=2)
    callers = _busy(queue, model, 1, 2, 3)
    callers.call(4)
    callers.wait_for_queue(1)
    model.gate.set()
    assert callers.join() == [[2, 4, 6], [8]]
    assert model.batches == [[1, 2, 3], [4]]


def test_another_signature_does_not_gather(model: Model) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=2))
    _busy(scheduler.queue(model), model, 1, 2, 3)
    other_callers = BatchCallers(scheduler.queue(model))
    other_callers.call(4)
    assert model.entered.acquire(timeout=60)
    model.gate.set()
    assert other_callers.join() == [[8]]


def test_large_requests_are_divided_and_take_turns(model: Model) -> None:
    queue = _queue(model, max_batch_size=4)
    callers = _busy(queue, model, *range(100, 108))
    callers.call(*range(10))
    callers.wait_for_queue(14)
    callers.call(*range(50, 56), output="z")
    callers.wait_for_queue(20)
    model.gate.set()
    assert callers.join()[1:] == [[2 * x for x in range(10)], list(range(51, 57))]
    expected = [
        [100, 101, 102, 103],
        [104, 105, 106, 107],
        [0, 1, 2, 3],
        [50, 51, 52, 53],
        [4, 5, 6, 7],
        [54, 55, 8, 9],
    ]
    assert model.batches == expected


def test_who_comes_after_a_large_request_is_in_the_next_batch(model: Model) -> None:
    queue = _queue(model, max_batch_size=4)
    callers = _busy(queue, model, *range(1000))
    for rows, numbers in ((997, [2000]), (1000, [2001, 2002, 2003])):
        callers.call(*numbers)
        callers.wait_for_queue(rows)
    model.gate.set()
    assert callers.join() == [[2 * x for x in range(1000)], [4000], [4002, 4004, 4006]]
    assert model.batches[:2] == [[0, 1, 2, 3], [2000, 2001, 2002, 2003]]


def test_a_large_request_lets_other_signatures_come_between_its_parts(model: Model) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=1, max_batch_size=16))
    queue = scheduler.queue(model)
    callers = _busy(queue, model, *range(1000))
    other_callers = BatchCallers(scheduler.queue(model))
    other_callers.call(2000)
    other_callers.wait_for_queue(1)
    model.gate.set()
    assert other_callers.join() == [[4000]]
    assert callers.join() == [[2 * x for x in range(1000)]]
    # While others call, its parts are short, so that they wait for a short run only.
    assert [len(batch) for batch in model.batches[:3]] == [16, 2, 1]


def test_many_requests_for_one_signature_let_others_come_between(model: Model) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=1, max_batch_size=1))
    queue, other_queue = scheduler.queue(model), scheduler.queue(model)
    callers = _busy(queue, model)
    for rows, number in ((1, 1), (2, 2), (3, 3)):
        callers.call(number)
        callers.wait_for_queue(rows)
    other_callers = BatchCallers(other_queue)
    other_callers.call(200)
    other_callers.wait_for_queue(1)
    model.gate.set()
    assert (callers.join(), other_callers.join()) == ([[200], [2], [4], [6]], [[400]])
    assert model.batches.index([200]) <= 2


def test_while_others_call_one_thread_is_kept_for_them(model: Model) -> None:
    settings = BatchingSettings(num_batch_threads=3, max_batch_size=16)
    queue = BatchScheduler(settings, clock=lambda: 0.0).queue(model)
    queue.answer({"x": np.zeros(1)}, ["y"], RequestContext())
    model.gate.clear()
    model.entered.acquire()
    callers = BatchCallers(queue)
    callers.call(*range(1000))
    for _ in range(2):
        assert model.entered.acquire(timeout=60)
    callers.call(2000)
    assert model.entered.acquire(timeout=60)
    assert [len(batch) for batch in model.batches[1:]] == [2, 2, 1]
    model.gate.set()
    assert callers.join() == [[2 * x for x in range(1000)], [4000]]


def test_a_large_request_leaves_the_queue_open_for_others(model: Model) -> None:
    queue = _queue(model, max_batch_size=2, max_enqueued_batches=2)
    callers = _busy(queue, model, *range(100))
    callers.call(*range(50))
    callers.wait_for_queue(148)
    for rows, number in ((149, 200), (150, 201)):
        callers.call(number)
        callers.wait_for_queue(rows)
    # Of large ones, too, as many may wait as batches may.
    with pytest.raises(RequestError, match="currently 2 batches enqueued and max_enqueued_batches is 2"):
        queue.answer({"x": np.ones(3)}, ["y"], RequestContext())
    model.gate.set()
    assert [len(answer) for answer in callers.join()] == [100, 50, 1, 1]


def test_no_part_of_a_large_request_runs_once_its_caller_has_gone(model: Model) -> None:
    queue = _queue(model, max_batch_size=4)
    callers = _busy(queue, model, *range(100, 105))
    call = callers.call(*range(12))
    callers.wait_for_queue(13)
    callers.call(*range(20, 29))
    callers.wait_for_queue(22)

    def run(inputs: Mapping[str, Any], outputs: Collection[str]) -> dict[str, Any]:
        if 0 in inputs["x"]:
            call.cancel()
        return model(inputs, outputs)

    queue.run = run
    model.gate.set()
    assert callers.join()[1:] == [(_CODE.CANCELLED, "The caller has gone"), list(range(40, 58, 2))]
    assert [row for batch in model.batches for row in batch if row < 12] == [0, 1, 2]


def test_a_request_fails_for_its_own_faults_only(model: Model) -> None:
    queue = _queue(model, max_batch_size=8)
    callers = _busy(queue, model)
    for rows, number in enumerate((1, 2, -3, 4), start=1):
        callers.call(number)
        callers.wait_for_queue(rows)
    model.gate.set()
    refusal = (grpc.StatusCode.INVALID_ARGUMENT, "no negatives")
    assert callers.join() == [[200], [2], [4], refusal, [8]]


def test_who_has_left_is_not_worked_for(model: Model) -> None:
    queue = _queue(model)
    callers = _busy(queue, model)
    call = callers.call(1)
    callers.wait_for_queue(1)
    callers.call(2)
    callers.wait_for_queue(2)
    call.cancel()
    model.gate.set()
    answers = callers.join()
    assert answers[1] == (grpc.StatusCode.CANCELLED, "The caller has gone")
    assert answers[2] == [4]
    assert model.batches == [[100], [2]]


def test_who_has_left_holds_up_no_large_request(model: Model) -> None:
    queue = _queue(model, max_batch_size=4)
    callers = _busy(queue, model, *range(9))
    call = callers.call(100)
    callers.wait_for_queue(9 - len(model.batches[0]) + 1)
    call.cancel()
    model.gate.set()
    assert callers.join()[0] == list(range(0, 18, 2))


def test_whose_time_is_up_in_the_queue_is_told_and_not_run(model: Model) -> None:
    queue = _queue(model)
    callers = _busy(queue, model)
    callers.call(1, context=RequestContext(0.05))
    # Told while the only thread is still busy.
    callers._threads[1].join(60)
    assert callers.answers[1] == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Run() timeout exceeded while waiting in batching queue",
    )
    model.gate.set()
    callers.call(2)
    assert callers.join()[2] == [4]
    assert [1.0] not in model.batches


def test_a_batch_in_a_thread_of_its_own_is_not_waited_for_when_time_is_up(model: Model) -> None:
    release = threading.Event()

    def run(inputs: Mapping[str, Any], outputs: Collection[str]) -> dict[str, Any]:
        assert 1 not in inputs["x"] or release.wait(60)
        return model(inputs, outputs)

    queue = _queue(run)
    callers = _busy(queue, model)
    callers.call(1, context=RequestContext(2))
    callers.wait_for_queue(1)
    model.gate.set()
    timeout = (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded while the model ran")
    assert callers.join() == [[200], timeout]
    release.set()


def test_a_request_that_is_alone_runs_in_its_own_thread() -> None:
    def run(inputs: Mapping[str, Any], _outputs: Collection[str]) -> dict[str, Any]:
        return {"y": np.full(len(inputs["x"]), threading.get_ident())}

    queue = _queue(run, max_batch_size=4)
    answer = queue.answer({"x": np.zeros(6)}, ["y"], RequestContext())["y"].tolist()
    assert answer[:4] == [threading.get_ident()] * 4
    assert queue.answer({"x": np.zeros(1)}, ["y"], RequestContext())["y"].tolist() == [threading.get_ident()]


def test_a_full_queue_refuses(model: Model) -> None:
    queue = _queue(model, max_batch_size=2, max_enqueued_batches=2)
    callers = _busy(queue, model)
    for rows in (1, 2, 3, 4):
        callers.call(rows)
        callers.wait_for_queue(rows)
    with pytest.raises(RequestError) as excinfo:
        queue.answer({"x": np.ones(1)}, ["y"], RequestContext())
    assert excinfo.value.code is grpc.StatusCode.UNAVAILABLE
    assert excinfo.value.message == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    model.gate.set()
    assert callers.join() == [[200], [2], [4], [6], [8]]
    # Alone, even what is larger than the queue is taken.
    assert len(queue.answer({"x": np.ones(9)}, ["y"], RequestContext())["y"]) == 9


def test_a_batch_that_is_not_full_waits_for_its_time(model: Model) -> None:
    queue = _queue(model, max_batch_size=3, batch_timeout_micros=60_000_000)
    callers = BatchCallers(queue)
    for number in (1, 2, 3):
        callers.call(number)
    assert callers.join() == [[2], [4], [6]]
    assert [sorted(batch) for batch in model.batches] == [[1, 2, 3]]
    quick = _queue(model, max_batch_size=3, batch_timeout_micros=1000)
    assert quick.answer({"x": np.ones(1)}, ["y"], RequestContext())["y"].tolist() == [2]


def test_a_large_request_does_not_cut_the_time_of_others_short() -> None:
    clock = [0.0]
    scheduler = BatchScheduler(
        BatchingSettings(num_batch_threads=1, batch_timeout_micros=10_000_000), clock=lambda: clock[0]
    )
    queue = scheduler.queue(lambda inputs, _outputs: inputs)
    queue.requests.add(BatchRequest({"x": np.zeros(1000)}, ["y"], RequestContext(), 0.0))
    queue.requests.add(BatchRequest({"x": np.zeros(1)}, ["y"], RequestContext(), 8.0))
    clock[0] = 12.0
    assert scheduler._seconds_until_due(queue) == 6.0


def test_a_batch_is_filled_up_to_an_allowed_size(model: Model) -> None:
    queue = _queue(model, max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    assert queue.answer({"x": np.array([7.0, 8.0, 9.0])}, ["y"], RequestContext())["y"].tolist() == [14, 16, 18]
    assert queue.answer({"x": np.array([7.0, 8.0])}, ["y"], RequestContext())["y"].tolist() == [14, 16]
    assert model.batches == [[7, 8, 9, 7], [7, 8]]


def test_outputs_that_do_not_keep_the_rows_are_refused(model: Model) -> None:
    with pytest.raises(RequestError, match="0th dimension does not equal"):
        _queue(model).answer({"x": np.ones(3)}, ["short"], RequestContext())


def test_a_stop_fails_what_waits(model: Model) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=1))
    queue = scheduler.queue(model)
    callers = _busy(queue, model)
    callers.call(1)
    callers.wait_for_queue(1)
    scheduler.stop()
    model.gate.set()
    assert callers.join() == [[200], (grpc.StatusCode.UNAVAILABLE, "The server stops")]
    with pytest.raises(RequestError, match="The server stops"):
        queue.answer({"x": np.ones(1)}, ["y"], RequestContext())


def test_many_threads_and_queues_mix_nothing_up(model: Model) -> None:
    scheduler = BatchScheduler(BatchingSettings(num_batch_threads=4, max_batch_size=5))
    queues = [scheduler.queue(lambda inputs, _outputs, n=n: {"y": inputs["x"] * n}) for n in range(3)]
    wrong_answers: list[Any] = []

    def go(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(50):
            x, n = random.integers(0, 1000, random.integers(1, 12)), int(random.integers(3))
            answer = queues[n].answer({"x": x}, ["y"], RequestContext(60))["y"]
            if answer.tolist() != (x * n).tolist():
                wrong_answers.append((n, x, answer))

    threads = [threading.Thread(target=go, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong_answers == []
    assert not any(queue.requests for queue in queues)
    scheduler.stop()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(0, 2))
def test_a_clock_that_jumps_loses_no_request(jumps: list[float], threads: int) -> None:
    """The real one does not: it is the machine's monotonic clock, which nobody sets."""
    turns = itertools.cycle(jumps)
    settings = BatchingSettings(num_batch_threads=1 + threads, max_batch_size=4)
    scheduler = BatchScheduler(settings, clock=lambda: next(turns))
    queue = scheduler.queue(lambda inputs, _outputs: {"y": inputs["x"] * 2})
    callers = BatchCallers(queue)
    for size in (1, 9, 2, 30, 1):
        callers.call(*range(size))
    assert callers.join() == [list(range(0, 2 * size, 2)) for size in (1, 9, 2, 30, 1)]
    assert not queue.requests
    scheduler.stop()


def test_times_are_told_by_a_clock_that_nobody_sets() -> None:
    for class_ in (BatchScheduler, RequestContext):
        assert inspect.signature(class_).parameters["clock"].default is time.monotonic


@given(st.lists(st.integers(1, 30), min_size=1, max_size=20), st.integers(1, 12))
def test_batches_hold_every_row_once(sizes: list[int], limit: int) -> None:
    model = Model()
    queue = _queue(model, max_batch_size=limit)
    callers = _busy(queue, model, -1)
    at = 0
    for size in sizes:
        callers.call(*range(at, at + size))
        at += size
        callers.wait_for_queue(at)
    model.gate.set()
    answers = callers.join()
    # The first batch is who was busy, whom the model refuses.
    assert all(0 < len(batch) <= limit for batch in model.batches)
    assert sorted(row for batch in model.batches[1:] for row in batch) == list(range(at))
    assert [row for answer in answers[1:] for row in answer] == list(range(0, 2 * at, 2))
    assert not queue.requests


def test_parts_of_different_widths_are_padded_to_one() -> None:
    """A tagger's answer is as wide as the batch has spans."""

    def spans(inputs: Any, _outputs: Any) -> Any:
        counts = inputs["x"].astype(int)
        is_span = np.arange(counts.max(initial=0)) < counts[:, None]
        return {
            "tag": np.where(is_span, b"x", b"").astype(object),
            "start": np.where(is_span, 7, -1).astype(np.int32),
            "score": np.where(is_span, 0.5, 0).astype(np.float32),
        }

    queue = _queue(spans, max_batch_size=2)
    answer = queue.answer({"x": np.array([0, 1, 0, 0, 2])}, ("tag", "start", "score"), RequestContext())
    assert answer["start"].tolist() == [[-1, -1], [7, -1], [-1, -1], [-1, -1], [7, 7]]
    assert answer["tag"].tolist()[1] == [b"x", b""]
    assert answer["score"].dtype == np.float32
    assert answer["score"].tolist()[1] == [0.5, 0]


@pytest.mark.parametrize("is_answered", [True, False])
def test_what_a_request_held_is_freed_when_it_is_over(is_answered: bool) -> None:
    """In a circle of references, large answers would stay in memory until the next collection of garbage."""
    references: list[weakref.ref[Any]] = []

    def run(inputs: Mapping[str, Any], _outputs: Collection[str]) -> dict[str, Any]:
        result = inputs["x"] * 2
        references.append(weakref.ref(result))
        if not is_answered and len(references) == 2:
            raise invalid_argument("no more")
        return {"y": result}

    scheduler = BatchScheduler(BatchingSettings(max_batch_size=2, num_batch_threads=1))
    gc.disable()
    try:
        with contextlib.suppress(RequestError), RequestContext(60.0) as context:
            scheduler.queue(run).answer({"x": np.arange(4.0)}, ["y"], context)
        scheduler.stop()
        assert len(references) == 2
        end = time.monotonic() + 60
        while any(ref() is not None for ref in references) and time.monotonic() < end:
            time.sleep(0.005)
        assert [ref() for ref in references] == [None, None]
    finally:
        gc.enable()
