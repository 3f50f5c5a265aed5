from __future__ import annotations

import threading
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfapp_client import AnswerError, Client, Splitting
from tfapp_client.errors import InvalidArgumentError
from tfapp_client.testing import FakeTransport
from tfapp_client.transport import Method


@given(st.lists(st.text(max_size=5), max_size=30), st.integers(1, 12), st.integers(1, 5))
def test_parts_come_together_in_order(texts: list[str], rows: int, parallel: int) -> None:
    fake = FakeTransport().regressor("m", len).embedder("e", lambda text: [float(len(text))])
    fake.classifier("c", lambda text: {"even": float(len(text) % 2 == 0), "odd": float(len(text) % 2)})
    client = Client(transport=fake, splitting=Splitting(rows, parallel))
    assert client.regress("m", texts) == [float(len(text)) for text in texts]
    assert len(fake.requests) == -(-len(texts) // rows)
    assert client.embed("e", texts).ravel().tolist() == [float(len(text)) for text in texts]
    assert [a.label for a in client.classify("c", texts)] == ["odd" if len(text) % 2 else "even" for text in texts]


def test_requests_stay_within_the_limits() -> None:
    count, peak, lock = [0], [0], threading.Lock()
    # Both have to be there for either to go on, so two do run at the same time.
    pair = threading.Barrier(2)

    def length(_inputs: dict[str, Any]) -> dict[str, Any]:
        with lock:
            count[0] += 1
            peak[0] = max(peak[0], count[0])
        pair.wait(20)
        with lock:
            count[0] -= 1
        return {"score": np.zeros(len(_inputs["text"]), np.float32)}

    fake = FakeTransport().model("m", length)
    client = Client(transport=fake, splitting=Splitting(rows=10, parallel=2))
    client.regress("m", ["a"] * 75 + ["b"] * 5)
    assert [call.request.inputs["text"].tensor_shape.dim[0].size for call in fake.requests] == [10] * 8
    assert peak[0] == 2


def test_a_failed_part_ends_the_call() -> None:
    fake = FakeTransport().regressor("m", len).fail(grpc.StatusCode.INVALID_ARGUMENT, "bad text")
    client = Client(transport=fake, splitting=Splitting(rows=1, parallel=1))
    with pytest.raises(InvalidArgumentError, match="bad text"):
        client.regress("m", ["a"] * 50)
    assert len(fake.requests) < 50


class _Swapping(FakeTransport):
    """Takes a new version into service after some requests."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def call(self, method: Method, request: Any, timeout: float) -> Any:
        self.after -= 1
        if self.after == -1:
            self.regressor("m", lambda _text: 2.0, version=2)
        return super().call(method, request, timeout)


def test_one_version_answers_all_parts() -> None:
    fake = _Swapping(after=2).regressor("m", lambda _text: 1.0)
    client = Client(transport=fake, splitting=Splitting(rows=2, parallel=1))
    assert client.regress("m", list("abcdefgh")) == [2.0] * 8
    assert [call.request.model_spec.version.value for call in fake.requests] == [0, 0, 0, 0, 2, 2]


def test_predict_splits_when_told_to() -> None:
    fake = FakeTransport().model("m", lambda inputs: {"y": inputs["x"] * 2, "name": inputs["name"]})
    client = Client(transport=fake, splitting=Splitting(rows=4))
    inputs = {"x": np.arange(10, dtype=np.int64).reshape(10, 1), "name": [str(n) for n in range(10)]}
    answer = client.predict("m", inputs, split=True)
    assert answer["y"].tolist() == [[2 * n] for n in range(10)]
    assert answer["y"].dtype == np.int64
    assert answer["name"].tolist() == [str(n).encode() for n in range(10)]
    assert len(fake.requests) == 3
    client.predict("m", inputs)
    assert len(fake.requests) == 4
    client.predict("m", {name: value[:4] for name, value in inputs.items()}, split=True)
    assert len(fake.requests) == 5


def test_what_cannot_be_split_is_said() -> None:
    fake = FakeTransport().model("sum", lambda inputs: {"y": inputs["x"].sum()})
    fake.model("wide", lambda inputs: {"y": np.zeros((len(inputs["x"]), int(inputs["x"][0])), np.float32)})
    client = Client(transport=fake, splitting=Splitting(rows=1))
    with pytest.raises(AnswerError, match=r"output y has shape \(\), not one row for each of the 1 that were sent"):
        client.predict("sum", {"x": [1.0, 2.0]}, split=True)
    with pytest.raises(AnswerError, match="the parts of the answer do not go together"):
        client.predict("wide", {"x": [1.0, 2.0]}, split=True)
    with pytest.raises(ValueError, match=r"all inputs need the same number of rows, got {'a': 2, 'b': None}"):
        client.predict("sum", {"a": [1.0, 2.0], "b": 1.0}, split=True)
    with pytest.raises(ValueError, match="rows and parallel must be 1 or more, got rows=0"):
        Splitting(rows=0)
    with pytest.raises(ValueError, match="parallel=0"):
        Splitting(parallel=0)
