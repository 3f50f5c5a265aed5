"""Compares answers with those of a real tensorflow_model_server (`recorded.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from tfapp_client import codec

from tests.conformance.rest import RestResponse
from tests.wire import CALLS

__all__ = ["check_grpc", "check_rest", "parameters", "recorded_cases", "request_of"]

# What an op says, and how a SignatureDef prints, may differ in its tail: so much of the text is the server's own.
_HEADS: Final = {
    "unequal lengths": "Incompatible shapes: [2] vs. [3]",
    "predict by classify signature": "Could not parse example input, value: 'x'",
    "classify, example without the feature": "Name: <unknown>, Feature: x (data type: float) is required",
    "classify, default signature": 'No classification inputs found in SignatureDef: inputs {\n  key: "x"\n',
    "classify, regress signature": 'Expected classification signature outputs to contain at least one of "classes" '
    'or "scores". Signature was: inputs {\n  key: "inputs"\n',
    # What is wrong with the JSON is the parser's text.
    "REST not JSON": "JSON Parse error: ",
    "REST empty body": "JSON Parse error: ",
}


def recorded_cases() -> list[dict[str, Any]]:
    """All cases, in the order in which they were recorded."""
    cases: list[dict[str, Any]] = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
    return cases


def parameters(cases: list[dict[str, Any]]) -> list[Any]:
    """Cases as parameters of a test, by name."""
    return [pytest.param(case, id=case["case"]) for case in cases]


def request_of(case: dict[str, Any], models: Path) -> Any:
    """The message of a gRPC case, with the folder of the models in it."""
    text = json.dumps(case["request"]).replace("MODELS/", f"{models}/")
    return json_format.Parse(text, CALLS[case["method"]].request())


def check_grpc(case: dict[str, Any], channel: grpc.Channel, models: Path) -> None:
    """Repeats a gRPC case: code, message and answer must be the same."""
    code, message, answer = _outcome(CALLS[case["method"]].on(channel), request_of(case, models))
    assert (code, _own(case, message)) == (case["code"], _own(case, case.get("message", "")))
    if "answer" in case:
        actual = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        assert _comparable(actual) == _comparable(case["answer"])


def check_rest(case: dict[str, Any], reply: RestResponse) -> None:
    """Compares what a REST case was answered: code, kind of text and answer must be the same."""
    assert reply.status == case["http"], reply.text
    assert reply.content_type == case["type"]
    if case["type"] != "application/json" or case["answer"].endswith("..."):
        return
    expected, actual = json.loads(case["answer"]), reply.json()
    if "error" in expected:
        assert set(actual) == {"error"}
        assert _strip_spaces(_own(case, actual["error"])) == _strip_spaces(_own(case, expected["error"]))
    else:
        assert _comparable(actual) == _comparable(expected)


def _outcome(call: Any, request: Any) -> tuple[str, str, Any]:
    try:
        return "OK", "", call(request, timeout=60)
    except grpc.RpcError as error:
        return error.code().name, error.details(), None


def _own(case: dict[str, Any], text: str) -> str:
    """The part of an error's text that the server itself answers for."""
    head = _HEADS.get(case["case"])
    return head if head is not None and text.startswith(head) else text


def _strip_spaces(text: str) -> str:
    """A text without the white space that a JSON printer puts in."""
    return "".join(text.split())


def _comparable(value: Any) -> Any:
    """Tensors as lists of values, whichever field they came in; floats to six digits."""
    if isinstance(value, dict):
        if "dtype" in value:
            array = codec.decode(json_format.ParseDict(value, codec.TensorProto()))
            values = np.round(array.astype(float), 6) if array.dtype.kind == "f" else array
            return value["dtype"], array.shape, values.tolist()
        return {key: _comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    # As text, so that NaN is NaN.
    return str(round(value, 6)) if isinstance(value, float) else value
