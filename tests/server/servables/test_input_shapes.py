"""The server checks shapes of our exports before it runs them, those included whose graphs do not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import predict_pb2
from tfapp_client import codec, contract

from tests.conformance.calls import Calls, refused
from tests.conformance.rest import ask
from tests.served_models import write_words
from tests.toy_exports import CRASHES, ToyExports, write_unchecked
from tfapp.registry.version_metadata import checks_inputs, read_metadata
from tfapp.server import ModelServer, ServerSettings, running_server
from tfapp.server.request_errors import RequestError
from tfapp.server.servables.servable import Servable
from tfapp.server.servables.servable_signature import ServableSignature
from tfapp.server.servables.tensor_protos import read_inputs

_OTHERS = [shape for rank in (0, 2, 3, 4) for shape in product(range(4), repeat=rank)]


@pytest.fixture(scope="module")
def server(toy_exports: ToyExports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    write_unchecked(models / "old" / "1", toy_exports.model("lstm"))
    write_words(models)
    with running_server(models, settings=ServerSettings(port=0, rest_api_port=0)) as rest_server:
        yield rest_server


@pytest.fixture(scope="module")
def calls(server: ModelServer) -> Iterator[Calls]:
    with grpc.insecure_channel(server.address) as channel:
        yield Calls(channel)


def _texts(shape: tuple[int, ...]) -> Any:
    return np.full(shape, b"", object)


@pytest.mark.parametrize(("signature", "alias"), [("", "text"), ("classify", "inputs")])
def test_every_other_shape_is_refused_over_grpc(calls: Calls, signature: str, alias: str) -> None:
    for shape in _OTHERS:
        with refused("INVALID_ARGUMENT") as text:
            calls.predict("old", {alias: _texts(shape)}, signature=signature)
        sizes = ",".join(map(str, shape))
        assert text() == f"Shape of tensor {alias} [{sizes}] is not compatible with expected shape [?]."


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_any_number_of_rows_is_answered(calls: Calls, rows: int) -> None:
    answer = calls.outputs("old", {"text": _texts((rows,))})
    assert {name: len(values) for name, values in answer.items()} == dict.fromkeys(answer, rows)


@pytest.mark.parametrize(
    "body", [{"instances": [[]]}, {"inputs": "a"}, {"inputs": [[], []]}, {"signature_name": "classify", "inputs": "a"}]
)
def test_every_other_shape_is_refused_over_rest(server: ModelServer, body: Any) -> None:
    assert server.rest_port
    reply = ask(server.rest_port, "POST", "/v1/models/old:predict", body)
    assert reply.status == 400
    assert "is not compatible with expected shape [?]." in reply.json()["error"]
    answer = ask(server.rest_port, "POST", "/v1/models/old:predict", {"instances": ["a"]})
    assert answer.status == 200


def test_models_of_others_answer_what_their_graph_answers(calls: Calls) -> None:
    for shape in [*CRASHES, (2, 3)]:
        upper = calls.predict("words", {"text": _texts(shape)}).outputs["upper"]
        assert codec.decode(upper).shape == shape


def test_a_graph_that_checks_is_not_sent_what_it_refuses(toy_exports: ToyExports) -> None:
    signature = Servable("new", 1, toy_exports.version("lstm")).signatures["serving_default"]
    tensor = predict_pb2.PredictRequest().inputs["text"]
    tensor.dtype = types_pb2.DT_STRING
    tensor.string_val.append(b"a" * 1000)
    for size in (65_536, 1):
        tensor.tensor_shape.dim.add(size=size)
    with pytest.raises(RequestError, match=r"Shape of tensor text \[65536,1\] is not compatible"):
        read_inputs({"text": tensor}, signature.definition, signature.check_shape)


def test_two_inputs_have_as_many_rows() -> None:
    signature = ServableSignature(_definition("query", "candidate"), _answer, None, check_shapes=True)
    for first, second in product([(0,), (1,), (3,), *_OTHERS[:20]], repeat=2):
        inputs = {"query": _texts(first), "candidate": _texts(second)}
        if first == second and len(first) == 1:
            assert len(signature.run(inputs, ["y"])["y"]) == first[0]
        else:
            with pytest.raises(
                RequestError, match=r"is not compatible with|must have the same number of rows"
            ) as error:
                signature.run(inputs, ["y"])
            assert error.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("{", None), ('{"task": "ranking"}', False), ('{"task": "ranking", "checks_inputs": true}', True)],
)
def test_what_tfapp_exported_says_whether_its_graph_checks(
    tmp_path: Path, text: str | None, expected: bool | None
) -> None:
    if text is not None:
        file = tmp_path / contract.METADATA_FILE
        file.parent.mkdir()
        file.write_text(text)
    assert checks_inputs(read_metadata(tmp_path)) is expected


def test_a_version_whose_record_is_damaged_counts_as_one_that_does_not_check(tmp_path: Path) -> None:
    folder = write_words(tmp_path)
    file = folder / contract.METADATA_FILE
    file.parent.mkdir()
    file.write_text("{")
    signature = Servable("words", 1, folder).signatures["serving_default"]
    with pytest.raises(RequestError, match="is not compatible with expected shape"):
        signature.run({"text": _texts((1, 0))}, ["upper"])


def _definition(*names: str) -> Any:
    definition = meta_graph_pb2.SignatureDef()
    for name in names:
        definition.inputs[name].dtype = types_pb2.DT_STRING
        definition.inputs[name].tensor_shape.dim.add(size=-1)
    return definition


def _answer(query: Any, candidate: Any) -> dict[str, Any]:
    return {"y": query}
