from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

import tfapp.server
from tfapp.errors import SettingsError, TfappError
from tfapp.server.loading.model_source import read_served_models
from tfapp.server.settings import BatchingSettings, MonitoringSettings, TlsSettings
from tfapp.server.settings_files import (
    MESSAGES,
    read_batching,
    read_channel_arguments,
    read_monitoring,
    read_tls,
)

_EXAMPLES = Path(__file__).parents[2] / "serving" / "config"
_PROTOS = Path(tfapp.server.__file__).parent / "protos"
_READERS: dict[str, Callable[[Path], Any]] = {
    "models.config": read_served_models,
    "batching.config": read_batching,
    "monitoring.config": read_monitoring,
    "ssl.config.example": read_tls,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "some.config"


def _models(file: Path, *configs: str) -> list[Any]:
    file.write_text("model_config_list {\n" + "".join(f"config {{ {config} }}\n" for config in configs) + "}\n")
    return read_served_models(file)


@pytest.mark.parametrize("name", _READERS)
def test_the_examples_can_be_read(name: str) -> None:
    assert _READERS[name](_EXAMPLES / name)


def test_every_policy_and_labels(file: Path) -> None:
    base = 'base_path: "/models/m" model_platform: "tensorflow"'
    models = _models(
        file,
        f'name: "newest" {base}',
        f'name: "two" {base} model_version_policy {{ latest {{ num_versions: 2 }} }}',
        f'name: "all" {base} model_version_policy {{ all {{}} }}',
        f'name: "some" {base} model_version_policy {{ specific {{ versions: 1 versions: 9 }} }}'
        ' version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 9 }',
        'name: "old" base_path: "/models/m" model_type: TENSORFLOW',
    )
    versions = {model.name: model.policy([1, 2, 3]) for model in models}
    assert versions == {"newest": {3}, "two": {2, 3}, "all": {1, 2, 3}, "some": {1}, "old": {3}}
    assert models[3].labels == {"stable": 1, "canary": 9}
    assert models[0].base_path == Path("/models/m")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("model_config_list {\n  config {\n    nam: 'a'\n", 'line 3: Message type .* has no field named "nam"'),
        ("model_config_list {\n  config { name: 'a\n } }", "line 2: String missing ending quote"),
        ("model_config_list { config { name: 'a' ", "line 1: "),
        ("", "expected model_config_list"),
        ("model_config_list { config { name: 'm' base_path: '/m' } }", "Illegal setting neither"),
        ("model_config_list { config { model_platform: 'tensorflow' base_path: '/m' } }", "Expected a name"),
        (
            "model_config_list { config { name: 'm' base_path: 'm' model_platform: 'tensorflow' } }",
            r"Expected model m to have an absolute path or URI; got base_path\(\)=m",
        ),
        (
            "model_config_list { config { name: 'm' base_path: 's3://m' model_platform: 'tensorflow' } }",
            "this server reads folders",
        ),
        (
            "model_config_list { config { name: 'm' base_path: '/m' model_platform: 'onnx' } }",
            "unsupported platform onnx",
        ),
        (
            "model_config_list { config { name: 'm' base_path: '/m' model_platform: 'tensorflow' }"
            " config { name: 'm' base_path: '/m' model_platform: 'tensorflow' } }",
            "Illegal to list model m multiple times in config list",
        ),
    ],
)
def test_a_wrong_model_config_is_told_in_one_line(file: Path, text: str, rule: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"some\.config.*{rule}") as excinfo:
        read_served_models(file)
    assert "\n" not in str(excinfo.value)


def test_batching_by_the_file_and_by_tensorflow_servings_defaults(file: Path) -> None:
    file.write_text(
        "max_batch_size { value: 32 }\nbatch_timeout_micros { value: 500 }\nmax_enqueued_batches { value: 7 }\n"
        "num_batch_threads { value: 3 }\nthread_pool_name { value: 'mine' }\n"
        "allowed_batch_sizes: 8\nallowed_batch_sizes: 32\n"
    )
    assert read_batching(file) == BatchingSettings(
        max_batch_size=32,
        batch_timeout_micros=500,
        max_enqueued_batches=7,
        num_batch_threads=3,
        thread_pool_name="mine",
        allowed_batch_sizes=(8, 32),
    )
    file.write_text("")
    assert read_batching(file) == BatchingSettings(max_batch_size=1000, batch_timeout_micros=0, max_enqueued_batches=10)
    file.write_text(
        "max_batch_size { value: 100 } enable_large_batch_splitting { value: true } "
        "max_execution_batch_size { value: 20 }"
    )
    assert read_batching(file).max_batch_size == 20


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("max_batch_size: 3", "line 1: "),
        ("max_batch_size { value: 0 }", "max_batch_size should be greater than or equal to 1, got 0"),
        ("num_batch_threads { value: -1 }", "num_batch_threads should be greater"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 4", "increasing order"),
        ("max_batch_size { value: 8 } allowed_batch_sizes: 4", "must equal max_batch_size; got 4 and 8"),
        ("pad_variable_length_inputs: true", "pad_variable_length_inputs is not supported"),
    ],
)
def test_a_wrong_batching_file_is_told_in_one_line(file: Path, text: str, rule: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"some\.config.*{rule}") as excinfo:
        read_batching(file)
    assert "\n" not in str(excinfo.value)


def test_monitoring(file: Path) -> None:
    file.write_text("prometheus_config { enable: true }")
    assert read_monitoring(file) == MonitoringSettings(enable=True, path="/monitoring/prometheus/metrics")
    file.write_text('prometheus_config { enable: true path: "/metrics" }')
    assert read_monitoring(file).path == "/metrics"
    file.write_text('prometheus_config { path: "metrics" }')
    with pytest.raises(SettingsError, match="path"):
        read_monitoring(file)


def test_tls(file: Path) -> None:
    file.write_text('server_key: "K\\nK" server_cert: "C"')
    assert read_tls(file) == TlsSettings(server_key="K\nK", server_cert="C")
    assert "K" not in repr(read_tls(file).server_cert) + repr(read_tls(file)).replace("TlsSettings", "")
    file.write_text('server_key: "K" server_cert: "C" client_verify: true')
    with pytest.raises(SettingsError, match="client_verify needs custom_ca"):
        read_tls(file)
    file.write_text('server_key: "SECRET"')
    with pytest.raises(SettingsError, match="server_cert") as excinfo:
        read_tls(file)
    assert "SECRET" not in str(excinfo.value)


@pytest.mark.parametrize("reader", [read_served_models, read_batching, read_monitoring, read_tls])
def test_a_file_that_cannot_be_read(reader: Callable[[Path], Any], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        reader(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        reader(tmp_path / "binary")


@given(st.text(alphabet="abcdefgh_ {}:'\"\n0123456789-.#", max_size=80), st.sampled_from(sorted(_READERS)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused_in_one_line(file: Path, text: str, name: str) -> None:
    # Something that is nearly right goes further than noise.
    file.write_text((_EXAMPLES / name).read_text() + text)
    message = _complaint(_READERS[name], file)
    assert message is None or ("\n" not in message and str(file) in message)


def _complaint(reader: Callable[[Path], Any], file: Path) -> str | None:
    try:
        reader(file)
    except TfappError as error:
        return str(error)
    return None


def test_channel_arguments() -> None:
    assert read_channel_arguments("") == {}
    assert read_channel_arguments("grpc.max_connection_age_ms=2000,a=b,c=-1") == {
        "grpc.max_connection_age_ms": 2000,
        "a": "b",
        "c": -1,
    }
    with pytest.raises(SettingsError, match="expected NAME=VALUE"):
        read_channel_arguments("grpc.max_connection_age_ms")


def test_the_compiled_file_is_that_of_the_protos(tmp_path: Path) -> None:
    file = tmp_path / "server_config.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={_PROTOS}", f"--descriptor_set_out={file}"]
    subprocess.run([*command, *sorted(map(str, _PROTOS.glob("*.proto")))], check=True)
    assert file.read_bytes() == (_PROTOS / "server_config.binpb").read_bytes(), "run `make protos`"


def test_our_messages_load_beside_tensorflow_servings() -> None:
    config = MESSAGES.message_class("SSLConfig")(server_key="k", client_verify=True)
    assert text_format.MessageToString(config) == 'server_key: "k"\nclient_verify: true\n'
    assert model_server_config_pb2.ModelServerConfig.DESCRIPTOR.full_name == "tensorflow.serving.ModelServerConfig"
