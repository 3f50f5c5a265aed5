from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tfapp_client
from grpc_health.v1 import health_pb2
from tensorflow.core.example import example_pb2
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)
from tfapp_client import messages

_PROTOS = Path(tfapp_client.__file__).parent / "protos"
_THEIRS = {
    "TensorProto": tensor_pb2.TensorProto,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "Example": example_pb2.Example,
    "ClassificationRequest": classification_pb2.ClassificationRequest,
    "ClassificationResponse": classification_pb2.ClassificationResponse,
    "RegressionRequest": regression_pb2.RegressionRequest,
    "RegressionResponse": regression_pb2.RegressionResponse,
    "GetModelMetadataRequest": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": get_model_metadata_pb2.GetModelMetadataResponse,
    "SignatureDefMap": get_model_metadata_pb2.SignatureDefMap,
    "GetModelStatusRequest": get_model_status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": get_model_status_pb2.GetModelStatusResponse,
    "HealthCheckRequest": health_pb2.HealthCheckRequest,
    "HealthCheckResponse": health_pb2.HealthCheckResponse,
}
# An enum and an int32 are the same on the wire.
_ENUM, _INT32 = 14, 5


@pytest.mark.parametrize("name", _THEIRS)
def test_fields_have_tensorflow_servings_numbers_and_types(name: str) -> None:
    _compare(messages.message_class(name).DESCRIPTOR, _THEIRS[name].DESCRIPTOR)


def test_the_compiled_file_is_that_of_the_protos(tmp_path: Path) -> None:
    file = tmp_path / "serving.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={_PROTOS}", f"--descriptor_set_out={file}"]
    subprocess.run([*command, *sorted(map(str, _PROTOS.glob("*.proto")))], check=True)
    assert file.read_bytes() == (_PROTOS / "serving.binpb").read_bytes(), "run `make protos`"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["tfapp_client.client", "tensorflow_serving.apis.prediction_service_pb2_grpc"])
def test_loads_beside_tensorflow_serving_api_in_either_order(first: str) -> None:
    code = (
        f"import importlib; importlib.import_module({first!r})\n"
        "from tensorflow_serving.apis import predict_pb2; from tfapp_client import codec, messages\n"
        "request = messages.PredictRequest(); request.inputs['x'].CopyFrom(codec.encode([1.5]))\n"
        "print(predict_pb2.PredictRequest.FromString(request.SerializeToString()).inputs['x'].dtype)\n"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert process.stdout == "1\n", process.stderr


def test_states_have_names() -> None:
    assert messages.state_name(30) == messages.AVAILABLE
    assert messages.state_name(99) == "99"


def _compare(ours: Any, theirs: Any, ancestors: frozenset[str] = frozenset()) -> None:
    if ours.full_name in ancestors:
        return
    for field in ours.fields:
        other_field = theirs.fields_by_name[field.name]
        assert (field.number, field.is_repeated) == (other_field.number, other_field.is_repeated), field.full_name
        kinds = {field.type, other_field.type}
        assert len(kinds) == 1 or kinds == {_ENUM, _INT32}, field.full_name
        if field.message_type is not None:
            _compare(field.message_type, other_field.message_type, ancestors | {ours.full_name})
        elif field.enum_type is not None:
            for value in field.enum_type.values:
                assert other_field.enum_type.values_by_number[value.number].name == value.name
