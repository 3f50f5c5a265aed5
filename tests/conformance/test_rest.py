"""The REST interface, beyond the recorded cases."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.conformance.rest import ask
from tests.conformance.suite import TestedServer

pytestmark = pytest.mark.needs("rest")


def _ones(shape: tuple[int, ...]) -> Any:
    return 1.0 if not shape else [_ones(shape[1:]) for _ in range(shape[0])]


def _predict(server: TestedServer, model: str, body: Any, **headers: str) -> Any:
    return ask(server.rest_port, "POST", f"/v1/models/{model}:predict", body, headers)


def test_metadata_has_the_signatures(main: TestedServer) -> None:
    reply = ask(main.rest_port, "GET", "/v1/models/numbers/versions/2/metadata")
    assert reply.status == 200
    metadata = reply.json()
    assert metadata["model_spec"] == {"name": "numbers", "version": "2", "signature_name": ""}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "numbers"
    answer = main.calls.prediction.GetModelMetadata(request, timeout=60)
    definitions = get_model_metadata_pb2.SignatureDefMap.FromString(
        answer.metadata["signature_def"].value
    ).signature_def
    assert {key: _kinds(item["inputs"]) for key, item in signatures.items()} == {
        key: {alias: types_pb2.DataType.Name(info.dtype) for alias, info in item.inputs.items()}
        for key, item in definitions.items()
    }
    assert {key: item["method_name"] for key, item in signatures.items()} == {
        key: item.method_name for key, item in definitions.items()
    }


def _kinds(tensors: dict[str, Any]) -> dict[str, str]:
    return {alias: info["dtype"] for alias, info in tensors.items()}


@pytest.mark.parametrize(
    ("signature", "inputs", "code"),
    [
        ("out_of_range", {"text": ["a"]}, 400),
        ("unimplemented", {"a": _ones((1, 2) * 4), "b": _ones((2, 1) * 4)}, 501),
        ("data_loss", {"text": ["RECORD"]}, 500),
    ],
)
def test_codes_of_failing_ops(main: TestedServer, signature: str, inputs: Any, code: int, scratch: Path) -> None:
    text = json.dumps({"signature_name": signature, "inputs": inputs}).replace("RECORD", str(scratch / "record"))
    reply = _predict(main, "faults", text)
    assert reply.status == code, reply.text
    assert set(reply.json()) == {"error"}


def test_bytes_go_in_and_come_out_as_base64(main: TestedServer) -> None:
    reply = _predict(main, "words", {"inputs": {"text": [{"b64": "/w=="}, "é"]}, "signature_name": "serving_default"})
    outputs = reply.json()["outputs"]
    assert outputs["raw_bytes"] == [{"b64": "/w=="}, {"b64": "w6k="}]
    assert outputs["length"] == [1, 2]


def test_versions_and_labels_in_the_path(main: TestedServer) -> None:
    answers = [
        ask(main.rest_port, "POST", f"/v1/models/numbers{way}:predict", {"instances": [0.0]}).json()
        for way in ("", "/versions/2", "/versions/3", "/labels/stable", "/labels/canary")
    ]
    assert [answer["predictions"][0]["y"] for answer in answers] == [3.0, 2.0, 3.0, 2.0, 3.0]


def test_gzip_goes_in_and_may_come_out(main: TestedServer) -> None:
    body = gzip.compress(json.dumps({"instances": [1.0] * 2000}).encode())
    answer = _predict(main, "numbers", body, **{"Content-Encoding": "gzip", "Accept-Encoding": "gzip"})
    plain_answer = _predict(main, "numbers", body, **{"Content-Encoding": "gzip"})
    assert (answer.status, plain_answer.status) == (200, 200)
    assert "content-encoding" not in plain_answer.headers
    assert len(plain_answer.json()["predictions"]) == 2000
    # A server may compress for whoever asks, and need not.
    is_compressed = answer.headers.get("content-encoding") == "gzip"
    assert (gzip.decompress(answer.body) if is_compressed else answer.body) == plain_answer.body


def test_a_byte_that_is_not_utf8_comes_out_raw_or_replaced(main: TestedServer) -> None:
    reply = _predict(main, "words", {"inputs": {"text": [{"b64": "/w=="}]}})
    assert reply.status == 200
    upper = json.loads(reply.body.decode("utf-8", "surrogateescape"))["outputs"]["upper"]
    assert upper in (["\udcff"], ["\ufffd"])
