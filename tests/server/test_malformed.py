"""What a server is sent by mistake or by malice leaves it answering, in no more memory."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.malformed import METHODS, PREDICT, any_request, mutated, predict_bytes, sender, valid
from tests.memory import resident_megabytes
from tests.served_models import write_numbers, write_words
from tfapp.server import ModelServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    write_numbers(models, 1)
    write_words(models)
    with running_server(models, port=0) as running:
        yield running


@pytest.fixture(scope="module")
def send(server: ModelServer) -> Iterator[Callable[[str, bytes], Any]]:
    with grpc.insecure_channel(server.address) as channel:
        yield sender(channel)


_SIZES = st.one_of(st.integers(-2, 4), st.sampled_from([1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1]))
_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "tensor_content": st.binary(max_size=40),
        "float_val": st.lists(st.floats(width=32), max_size=4),
        "int_val": st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=4),
        "string_val": st.lists(st.binary(max_size=4), max_size=4),
        "half_val": st.lists(st.integers(0, 70000), max_size=4),
    },
)
_EXAMPLES = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_EXAMPLES
@given(method=st.sampled_from(METHODS), data=st.binary(max_size=200))
def test_random_bytes(send: Callable[[str, bytes], Any], method: str, data: bytes) -> None:
    send(method, data)


@_EXAMPLES
@given(choice=st.integers(0, len(valid()) - 1), seed=st.integers(0, 1 << 32))
def test_valid_requests_with_faults(send: Callable[[str, bytes], Any], choice: int, seed: int) -> None:
    method, data = valid()[choice]
    send(method, mutated(data, random.Random(seed)))


@_EXAMPLES
@given(dtype=st.integers(0, 130), shape=st.lists(_SIZES, max_size=4), fields=_FIELDS)
def test_any_dtype_shape_and_content(
    send: Callable[[str, bytes], Any], dtype: int, shape: list[int], fields: dict[str, Any]
) -> None:
    send(PREDICT, predict_bytes(dtype, shape, fields))


def test_the_server_still_answers(send: Callable[[str, bytes], Any]) -> None:
    assert [send(method, data) for method, data in valid()] == [grpc.StatusCode.OK] * len(valid())


@pytest.mark.slow
def test_ten_thousand_leave_the_memory_flat(send: Callable[[str, bytes], Any]) -> None:
    source = random.Random(7)
    codes: Counter[Any] = Counter()

    def batch(count: int) -> None:
        requests = [any_request(source) for _ in range(count)]
        with ThreadPoolExecutor(16) as pool:
            codes.update(pool.map(lambda request: send(*request), requests))

    batch(5000)
    before = resident_megabytes()
    batch(10_000)
    # Threads and allocators settle within about 10 MB over 40 000; one leaked call each would be over 100 MB here.
    assert resident_megabytes() - before < 20
    assert codes[grpc.StatusCode.INVALID_ARGUMENT] > 1000
    assert [send(method, data) for method, data in valid()] == [grpc.StatusCode.OK] * len(valid())
