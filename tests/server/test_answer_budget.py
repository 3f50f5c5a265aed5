from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, cast

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfapp_client import codec

from tests.served_models import write_words
from tfapp.server import ServerSettings, running_server
from tfapp.server.answer_budget import AnswerBudget, answer_bytes
from tfapp.server.grpc.call_handler import handle_call
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import RequestError

_MOST = 1 << 20


def _outputs(size: int) -> dict[str, NDArray[Any]]:
    return {"y": np.zeros(size, np.uint8)}


class Call:
    """A gRPC call that has no deadline.

    Attributes:
        callbacks: Called when it ends.
    """

    def __init__(self, *, goes_on: bool = True) -> None:
        self.callbacks: list[Any] = []
        self._goes_on = goes_on

    def time_remaining(self) -> None:
        return None

    def add_callback(self, callback: Any) -> bool:
        self.callbacks.append(callback)
        # It ends in the midst of the work.
        return self._goes_on or len(self.callbacks) == 1


class Message:
    """A message of some bytes."""

    def SerializeToString(self) -> bytes:  # noqa: N802
        return bytes(_MOST)


def _call(budget: AnswerBudget, call: Call) -> Any:
    def work(_request: Any, context: RequestContext) -> Message:
        budget.build(_outputs(_MOST), context)
        assert _room(budget) == 0
        return Message()

    return handle_call(cast("grpc.ServicerContext", call), work, None)


def _room(budget: AnswerBudget) -> int:
    return budget._large._free


def test_the_bytes_of_strings_count() -> None:
    assert answer_bytes({"n": np.zeros((2, 3), np.float32), "s": np.array([b"ab", b"c"], object)}) == 24 + 16 + 3 + 66


def test_a_large_answer_counts_until_its_caller_has_it() -> None:
    budget, call = AnswerBudget(_MOST), Call()
    assert _call(budget, call) == bytes(_MOST)
    assert _room(budget) == 0
    with (
        RequestContext(0.0) as late,
        pytest.raises(RequestError, match=rf"hold the {_MOST} bytes .*\(--max_pending_answer_bytes\)") as refused,
    ):
        budget.build(_outputs(_MOST), late)
    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    for callback in call.callbacks:
        callback()
    assert _room(budget) == _MOST
    _call(budget, Call(goes_on=False))
    assert _room(budget) == _MOST


def test_a_request_waits_for_its_first_outputs_only() -> None:
    budget = AnswerBudget(_MOST)
    with RequestContext() as context:
        budget.build(_outputs(_MOST), context)
        # Another signature of the same request: two such requests would wait for each other.
        budget.build(_outputs(_MOST), context)
        assert _room(budget) == -_MOST
    assert _room(budget) == _MOST


def test_small_answers_wait_for_no_large_one() -> None:
    budget = AnswerBudget(_MOST)
    with RequestContext() as context, RequestContext() as small:
        budget.build(_outputs(_MOST), context)
        budget.build(_outputs(65_536), small)
        assert not small.has_answer
        assert budget._small._free == _MOST


def test_both_ports_give_back_what_large_answers_held(tmp_path: Path) -> None:
    write_words(tmp_path)
    texts = ["a"] * 30_000
    # Each answer takes all that there is.
    settings = ServerSettings(port=0, rest_api_port=0, max_pending_answer_bytes=100_000)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "words"
    codec.write(request.inputs["text"], texts)
    with running_server(tmp_path, settings=settings) as server, grpc.insecure_channel(server.address) as channel:
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        for _ in range(3):
            assert len(codec.decode(call(request, timeout=60).outputs["length"])) == len(texts)
            body = json.dumps({"instances": texts}).encode()
            with urllib.request.urlopen(f"http://{server.rest_address}/v1/models/words:predict", body, 60) as answer:
                assert len(json.load(answer)["predictions"]) == len(texts)
