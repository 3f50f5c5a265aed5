from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from tfapp_client import Client
from tfapp_client.errors import StatusError
from typer.testing import CliRunner

from tests.conformance.rest import ask
from tests.registry.fake_versions import add_versions
from tests.served_models import write_classifier, write_numbers
from tfapp.cli import serve
from tfapp.cli._served_choice import ServedChoice
from tfapp.errors import RegistryError, ServerError, SettingsError
from tfapp.registry import CONFIG_FILE, STABLE, LabelStore
from tfapp.server import ServerSettings

_PROGRAM = "import typer; from tfapp.cli import serve; app = typer.Typer(); serve.register(app); app()"
# At a line of standard input, gRPC's thread is told to fail.
_FAILURE = """
import ctypes, sys, threading

def fail():
    sys.stdin.readline()
    numbers = [thread.ident for thread in threading.enumerate() if thread.name.endswith("(_serve)")]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(numbers[0]), ctypes.py_object(SystemError))

threading.Thread(target=fail, daemon=True).start()
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_classifier(folder, "news", 4)
    write_numbers(folder, 1)
    return folder


@contextmanager
def _run_server(*arguments: str, program: str = _PROGRAM) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, *arguments, "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    # Who runs the tests may want to hear more of TensorFlow than a user does.
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path.cwd(),
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    yield process
    watchdog.cancel()
    if process.poll() is None:
        process.kill()
    process.communicate()


def _read_until_hint(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if "print(Client(" in line:
            return text
    raise AssertionError(f"the server ended: {text}{process.stderr.read() if process.stderr else ''}")


def _check_end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Tells a server to stop; returns its complaints."""
    process.send_signal(number)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in complaints
    # What TensorFlow says of its own build is no news for who serves a model.
    assert "oneDNN" not in complaints
    assert "cuda" not in complaints
    return complaints


def test_serves_until_it_is_told_to_stop(models: Path) -> None:
    """By Control-C; the other tests end their servers by SIGTERM."""
    with _run_server(str(models)) as process:
        text = _read_until_hint(process)
        _check_answers(text)
        _check_end(process, signal.SIGINT)


def test_a_server_ends_when_the_thread_that_takes_calls_fails(models: Path) -> None:
    with _run_server(str(models), program=_FAILURE + _PROGRAM) as process:
        address = re.search(r"serving on (127\.0\.0\.1:\d+) ", _read_until_hint(process))
        assert address is not None
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        # The thread fails when it runs Python again.
        with Client(address[1]) as client, suppress(StatusError):
            while process.poll() is None:
                client.classify("news", ["a"], timeout=5)
        _, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the server ends, as gRPC's own thread has failed and no call would be answered" in complaints


def _check_answers(text: str) -> None:
    assert "model news, version 4\n" in text
    assert "model numbers, version 1\n" in text
    match = re.search(r"serving on (127\.0\.0\.1:\d+) ", text)
    assert match is not None
    with Client(match[1]) as client:
        assert client.classify("news", ["a"])[0].label == "bé"
    # The hint is code that works.
    hint = "\n".join(line.strip() for line in text.splitlines()[-2:])
    values: dict[str, Any] = {}
    exec(hint.replace("print(", "answers = (", 1), values)
    assert values["answers"][0].label


def test_the_hint_asks_for_stable_and_a_prometheus_page_for_the_rest_port(tmp_path: Path) -> None:
    for version in (1, 2):
        write_numbers(tmp_path, version)
    shutil.copytree(tmp_path / "numbers", tmp_path / "unsettled")
    LabelStore.open(tmp_path).set_label("numbers", STABLE, 1, "promote", expected=None)
    file, entry = tmp_path / CONFIG_FILE, _unsettled_config(tmp_path / "unsettled")
    file.write_text(file.read_text().replace("model_config_list {", f"model_config_list {{ {entry}"))
    monitoring = tmp_path.with_name("monitoring.config")
    monitoring.write_text("prometheus_config { enable: true }")
    with _run_server(str(tmp_path), f"--monitoring_config_file={monitoring}") as process:
        text = _read_until_hint(process)
        complaints = _check_end(process, signal.SIGTERM)
    assert "(REST)" not in text
    assert "the Prometheus page is on the REST port; give --rest_api_port" in complaints
    assert "model numbers, version 1\nmodel unsettled, version 2\n" in text
    assert text.endswith('.metadata("numbers", label="stable"))\n')
    warning = "unsettled: callers without a label get version 2 (the newest), though stable names version 1; "
    assert [line.startswith(warning) for line in complaints.splitlines() if "without a label" in line] == [True]


def _unsettled_config(base: Path) -> str:
    return (
        f'config {{ name: "unsettled" base_path: "{base}" model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } }'
    )


def test_a_server_of_a_config_file_tells_whose_stable_is_not_what_callers_get(tmp_path: Path) -> None:
    add_versions(tmp_path, "unsettled", 1, 2)
    config = tmp_path / "served.config"
    config.write_text(f"model_config_list {{ {_unsettled_config(tmp_path / 'unsettled')} }}")
    choice = ServedChoice(None, (), config, None, "")
    for poll, end in ((1.0, "alone"), (0.0, "alone (this server reads the file at its start alone)")):
        settings = ServerSettings(model_config_file_poll_wait_seconds=poll)
        server: Any = SimpleNamespace(manager=SimpleNamespace(available=lambda: {"unsettled": [2]}), settings=settings)
        (line,) = choice.warnings(server)
        assert f"promote unsettled 1 --models {tmp_path} --config {config}` has servers load what" in line
        assert line.endswith(end)


def test_a_server_of_one_folder_tells_that_stable_is_another_version(tmp_path: Path) -> None:
    add_versions(tmp_path, "numbers", 1, 2)
    choice = ServedChoice(None, (), None, tmp_path / "numbers", "x")
    server: Any = SimpleNamespace(manager=SimpleNamespace(available=lambda: {"x": [2]}))
    assert choice.warnings(server) == []
    store = LabelStore.open(tmp_path)
    store.set_label("numbers", STABLE, 1, "promote", expected=None)
    config = tmp_path / CONFIG_FILE
    assert choice.warnings(server) == [
        f"x: this server loads version 2, though stable names version 1 in {config}; "
        f"--model_base_path reads no labels, --model_config_file={config} does"
    ]
    store.set_label("numbers", STABLE, 2, "promote", expected=1)
    assert choice.warnings(server) == []
    config.write_text("model_config_list {")
    assert choice.warnings(server) == []


def test_tensorflow_servings_flags_and_files(models: Path, tmp_path: Path) -> None:
    config, batching, monitoring = (tmp_path / name for name in ("models", "batching", "monitoring"))
    config_text = f'name: "numbers" base_path: "{models / "numbers"}" model_platform: "tensorflow"'
    config.write_text(f'model_config_list {{ config {{ {config_text} version_labels {{ key: "stable" value: 1 }} }} }}')
    batching.write_text("max_batch_size { value: 8 } num_batch_threads { value: 1 }")
    monitoring.write_text("prometheus_config { enable: true }")
    with socket.create_server(("127.0.0.1", 0)) as free:
        rest = free.getsockname()[1]
    arguments = (
        f"--model_config_file={config}",
        "--model-config-file-poll-wait-seconds=0.05",
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_batching=true",
        f"--batching_parameters_file={batching}",
        f"--monitoring_config_file={monitoring}",
        "--grpc_channel_arguments=grpc.max_connection_age_ms=60000",
        "--grpc_max_threads=16",
        "--max_request_rows=100",
        f"--grpc_socket_path={tmp_path / 's'}",
        f"--rest_api_port={rest}",
        "--rest_api_num_threads=4",
        "--rest_api_timeout_in_ms=60000",
        "--rest_api_enable_cors_support=true",
    )
    with _run_server(*arguments) as process:
        text = _read_until_hint(process)
        assert f" and http://127.0.0.1:{rest} (REST); stop" in text
        assert f"Prometheus page: http://127.0.0.1:{rest}/monitoring/prometheus/metrics\n" in text
        answer = ask(rest, "POST", "/v1/models/numbers/labels/stable:predict", {"inputs": [0.0]}, {"Origin": "x"})
        assert answer.json() == {"outputs": {"x2": [0.0], "y": [1.0]}}
        assert answer.headers["access-control-allow-origin"] == "*"
        answer = ask(rest, "POST", "/v1/models/numbers:predict", {"inputs": [0.0] * 101})
        assert "at most 100 a request (--max_request_rows)" in answer.text
        assert 'status="OK"' in ask(rest, "GET", "/monitoring/prometheus/metrics").text
        with Client(f"unix:{tmp_path / 's'}") as client:
            assert client.predict("numbers", {"x": [0.0]}, label="stable")["y"].tolist() == [1.0]
            news_config = f'name: "news" base_path: "{models / "news"}" model_platform: "tensorflow"'
            draft = tmp_path / "aside"
            draft.write_text(f"model_config_list {{ config {{ {news_config} }} }}")
            draft.rename(config)
            client.wait_until_ready("news", 60)
        complaints = _check_end(process, signal.SIGTERM)
        assert "--rest_api_enable_cors_support: pages of any site may call REST" in complaints


@pytest.fixture
def app() -> typer.Typer:
    commands = typer.Typer()
    serve.register(commands)
    return commands


def test_mistakes_are_errors_with_a_way_out(app: typer.Typer, models: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    first_error = run(app, [str(tmp_path / "nowhere"), "--port", "0"]).exception
    assert isinstance(first_error, RegistryError)
    assert "no such models folder" in str(first_error)
    unknown = run(app, [str(models), "--model", "newz", "--port", "0"]).exception
    assert isinstance(unknown, RegistryError)
    assert 'did you mean "news"?' in str(unknown)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = run(app, [str(models), "--port", str(listener.getsockname()[1])]).exception
    assert isinstance(error, ServerError)
    assert "choose another with --port" in str(error)
    assert run(app, [str(models), "--port", "70000"]).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "give one of these to serve"),
        (["MODELS", "--model_config_file", "x"], "give one of these to serve"),
        (["--model_config_file", "nowhere.config"], "nowhere.config: cannot be read"),
        (["--model_base_path", "MODELS", "--model", "news"], "--model chooses from a models folder"),
        (["MODELS", "--batching_parameters_file", "nowhere.config"], "nowhere.config: cannot be read"),
        (["MODELS", "--ssl-config-file", "nowhere.config"], "nowhere.config: cannot be read"),
        (["MODELS", "--enable_batching=false", "--batching_parameters_file", "x"], "--no-enable_batching"),
        (["MODELS", "--grpc_channel_arguments", "x"], "expected NAME=VALUE"),
    ],
)
def test_mistakes_in_flags_and_files(app: typer.Typer, models: Path, arguments: list[str], rule: str) -> None:
    argv = [str(models) if argument == "MODELS" else argument for argument in arguments]
    error = CliRunner().invoke(app, argv).exception
    assert isinstance(error, SettingsError)
    assert rule in str(error)
    assert "\n" not in str(error)
