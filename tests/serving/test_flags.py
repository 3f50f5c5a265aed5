"""The server's command line is the same everywhere, and the same for both servers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import grpc
import typer
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.conformance.command import EMBEDDED, parse_command
from tests.conformance.process import ServerProcess
from tests.served_models import write_numbers
from tests.serving.deployment import CONFIG, compose, dockerfile, health_check, manifest
from tfapp.cli.app import app

# What tensorflow_model_server takes (tensorflow_serving/model_servers/main.cc), as far as we may come to use it.
_KNOWN = (
    "port grpc_socket_path rest_api_port rest_api_num_threads rest_api_timeout_in_ms rest_api_enable_cors_support "
    "enable_batching allow_version_labels_for_unavailable_models batching_parameters_file "
    "enable_per_model_batching_parameters model_config_file model_config_file_poll_wait_seconds model_name "
    "model_base_path num_load_threads num_unload_threads max_num_load_retries load_retry_interval_micros "
    "file_system_poll_wait_seconds flush_filesystem_caches tensorflow_session_parallelism "
    "tensorflow_session_config_file tensorflow_intra_op_parallelism tensorflow_inter_op_parallelism "
    "use_alts_credentials ssl_config_file platform_config_file per_process_gpu_memory_fraction saved_model_tags "
    "grpc_channel_arguments grpc_max_threads enable_model_warmup num_request_iterations_for_warmup version "
    "monitoring_config_file remove_unused_fields_from_bundle_metagraph prefer_tflite_model "
    "enable_signature_method_name_check enable_profiler mixed_precision enable_grpc_healthcheck_service "
    "enable_serialization_as_tensor_content"
)

# Those that the test gives in its own way.
_OWN = {"port", "rest_api_port", "model_config_file"}


def _flags() -> dict[str, list[str]]:
    container = manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]
    return {
        "compose.yaml": compose()["services"]["serving"]["command"],
        "Dockerfile": json.loads(dockerfile()["CMD"][0]),
        "deployment.yaml": container["args"],
    }


def test_they_are_the_same_everywhere() -> None:
    first, *rest = _flags().values()
    assert rest == [first, first]


def test_tensorflow_serving_knows_them() -> None:
    # It takes --NAME=VALUE only, one a word.
    names = {match[1] for flag in _flags()["compose.yaml"] if (match := re.fullmatch(r"--(\w+)=\S+", flag))}
    assert len(names) == len(_flags()["compose.yaml"])
    assert names <= set(_KNOWN.split())


def test_tfapp_serve_takes_them() -> None:
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    with serve.make_context("serve", list(_flags()["compose.yaml"])) as context:
        settings = {
            name: context.params[name] for name in ("port", "rest_api_port", "grpc_max_threads", "enable_batching")
        }
    assert settings == {"port": 8500, "rest_api_port": 8501, "grpc_max_threads": 256, "enable_batching": True}


def test_the_files_they_name_are_those_of_the_config_folder() -> None:
    files = {flag.rpartition("/config/")[2] for flag in _flags()["compose.yaml"] if "=/config/" in flag}
    assert files == {"models.config", "batching.config", "monitoring.config"}
    assert all((CONFIG / name).is_file() for name in files)
    assert "../config:/config:ro" in compose()["services"]["serving"]["volumes"]
    assert {source for line in dockerfile()["COPY"] for source in line.split() if source.startswith("config/")} == {
        f"config/{name}" for name in files
    }


def test_the_embedded_server_starts_with_them_and_passes_the_checks(tmp_path: Path) -> None:
    write_numbers(tmp_path / "models", 1)
    models = (CONFIG / "models.config").read_text(encoding="utf-8")
    config = models.replace("/models/news", str(tmp_path / "models" / "numbers"))
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in _flags()["compose.yaml"])
    values = {name: value.replace("/config/", f"{CONFIG}/") for name, value in flags.items() if name not in _OWN}
    process = ServerProcess(parse_command(EMBEDDED), tmp_path, config, values)
    try:
        process.launch()
        process.wait_until_open()
        # As the kubelet asks, and as compose does.
        service = manifest("Deployment")["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]["grpc"][
            "service"
        ]
        with grpc.insecure_channel(process.address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=30
            )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert health_check(process.rest_port) == 0
    finally:
        process.stop()
