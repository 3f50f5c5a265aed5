"""The gateway's nginx configuration, by the packaged nginx, in front of a server that would take a reload."""

from __future__ import annotations

import gzip
import resource
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tfapp_client import Client, codec

from tests.conformance.rest import ask
from tests.hostile.http2 import END_HEADERS, END_STREAM, Http2Connection, Kind, frame, header_block, length_prefixed
from tests.processes import wait_until
from tests.server.echo import Echo, serving_echo
from tests.serving.deployment import ROOT

_NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_CONFIG = ROOT / "serving" / "gateway" / "nginx.conf"
_PREDICT = "/v1/models/echo:predict"

pytestmark = pytest.mark.skipif(_NGINX is None, reason="no nginx here (Debian: nginx-light)")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of gRPC and REST behind which a server stands."""
    # Fewer than the last test calls, more than all others.
    limits = {"rate=100r/s": "rate=1r/s", "burst=200": "burst=40"}
    with _gateway(tmp_path_factory.mktemp("gateway"), Echo(), limits) as ports:
        yield ports


@contextmanager
def _gateway(folder: Path, echo: Echo, limits: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    with serving_echo(folder, echo, rest_api_port=0, allow_reload=True) as server:
        ports = _free_ports(2)
        places = {
            "127.0.0.1:8500": f"127.0.0.1:{server.port}",
            "127.0.0.1:8501": f"127.0.0.1:{server.rest_port}",
            "listen 9500": f"listen 127.0.0.1:{ports[0]}",
            "listen 9501": f"listen 127.0.0.1:{ports[1]}",
            "/run/gateway.pid": str(folder / "pid"),
            **limits,
        }
        text = _CONFIG.read_text(encoding="utf-8")
        for template_value, test_value in places.items():
            assert template_value in text
            text = text.replace(template_value, test_value)
        with _nginx(folder, text, ports):
            yield ports[0], ports[1]


class _nginx:  # noqa: N801 - it reads as a function
    """Runs nginx in the foreground while the block runs."""

    def __init__(self, folder: Path, text: str, ports: list[int]) -> None:
        bodies = "".join(
            f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        self._file = folder / "nginx.conf"
        self._file.write_text(text.replace("http {\n", f"http {{\n{bodies}", 1), encoding="utf-8")
        self._folder, self._ports = folder, ports

    def __enter__(self) -> None:
        words = [str(_NGINX), "-p", str(self._folder), "-e", "stderr", "-c", str(self._file), "-g", "daemon off;"]
        self._process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: all(_is_open(port) for port in self._ports) or self._process.poll() is not None)
        assert self._process.poll() is None, self._process.communicate()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


def _free_ports(number: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_good_calls_pass(gateway: tuple[int, int]) -> None:
    port, rest_port = gateway
    assert ask(rest_port, "POST", _PREDICT, {"instances": [1]}).json() == {"predictions": [1.0]}
    assert ask(rest_port, "POST", "/v1/models/echo/versions/1:predict", {"inputs": [1]}).status == 200
    assert ask(rest_port, "GET", "/v1/models/echo").status == 200
    with Client(f"127.0.0.1:{port}") as client:
        assert client.predict("echo", {"x": np.array([2], np.float32)})["x"].tolist() == [2]


def test_too_large_a_body_is_refused(gateway: tuple[int, int]) -> None:
    port, rest_port = gateway
    assert ask(rest_port, "POST", _PREDICT, b" " * (5 << 20)).status == 413
    with Client(f"127.0.0.1:{port}") as client, pytest.raises(Exception, match="413"):
        client.predict("echo", {"x": np.zeros(2 << 20, np.float32)})


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/monitoring/prometheus/metrics"),
        ("POST", "/v1/models/echo:reload"),
        ("DELETE", "/v1/models/echo"),
        ("GET", "/v1/models/../models/echo:x"),
        ("GET", "/monitoring/prometheus/metrics/../../../v1/models/echo"),
        ("GET", "/v1//models/echo"),
        ("GET", "/v1/models/.."),
        ("GET", "/"),
    ],
)
def test_other_paths_are_refused(gateway: tuple[int, int], verb: str, path: str) -> None:
    assert ask(gateway[1], verb, path).status == 403


@pytest.mark.parametrize("name", ["caf%C3%A9", "my%20model"])
def test_a_name_that_is_percent_encoded_reaches_the_server(gateway: tuple[int, int], name: str) -> None:
    answer = ask(gateway[1], "GET", f"/v1/models/{name}/labels/stable?x=1")
    assert (answer.status, unquote(name) in answer.json()["error"]) == (404, True)


def test_a_reload_is_refused(gateway: tuple[int, int]) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{gateway[0]}") as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        with pytest.raises(grpc.RpcError) as excinfo:
            stub.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=30)
    assert excinfo.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "403" in excinfo.value.details()


def test_compressed_requests_are_refused(gateway: tuple[int, int]) -> None:
    body = gzip.compress(b'{"instances": [1.0]}')
    assert ask(gateway[1], "POST", _PREDICT, body, {"Content-Encoding": "gzip"}).status == 415
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    request.inputs["x"].CopyFrom(codec.encode(np.ones(1000, np.float32), tensor_class=tensor_pb2.TensorProto))
    with grpc.insecure_channel(f"127.0.0.1:{gateway[0]}") as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        assert predict(request, timeout=60).HasField("model_spec")
        with pytest.raises(grpc.RpcError, match="415"):
            predict(request, timeout=60, compression=grpc.Compression.Gzip)


@pytest.mark.parametrize("encodings", [(b"identity", b"gzip"), (b"", b"gzip")])
def test_no_second_header_lets_a_compressed_request_through(
    gateway: tuple[int, int], encodings: tuple[bytes, bytes]
) -> None:
    port, rest_port = gateway
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    codec.write(request.inputs["x"], np.ones(1, np.float32))
    message = request.SerializeToString()
    assert _grpc_answer(port, encodings, length_prefixed(gzip.compress(message), 1)) is None
    # What is not compressed is answered, whatever the second header says.
    assert _grpc_answer(port, encodings, length_prefixed(message))
    body = gzip.compress(b'{"instances": [1.0]}')
    headers = b"".join(b"Content-Encoding: %s\r\n" % encoding for encoding in encodings)
    with socket.create_connection(("127.0.0.1", rest_port), timeout=60) as caller:
        caller.sendall(
            b"POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n%s"
            % (_PREDICT.encode(), headers, len(body), body)
        )
        assert caller.recv(4096).split()[1] == b"400"


def _grpc_answer(port: int, encodings: Iterable[bytes], data: bytes) -> bytes | None:
    """The message that a Predict call with several headers `grpc-encoding` is answered; None: it ends without one."""
    headers = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b"te", b"trailers")]
    headers += [(b":path", b"/tensorflow.serving.PredictionService/Predict"), (b"content-type", b"application/grpc")]
    headers += [(b"grpc-encoding", encoding) for encoding in encodings]
    connection = Http2Connection(f"127.0.0.1:{port}", 60)
    connection.open()
    connection.send([frame(Kind.HEADERS, END_HEADERS, 1, header_block(headers)), frame(Kind.DATA, END_STREAM, 1, data)])
    connection.wait_for({1})
    connection.close()
    return connection.message(1)


def test_more_than_the_rate_is_refused(gateway: tuple[int, int]) -> None:
    assert any(ask(gateway[1], "GET", "/v1/models/echo").status == 429 for _ in range(100))


def test_more_connections_than_the_limit_are_refused(tmp_path: Path) -> None:
    echo = Echo()
    echo.gate.clear()
    with (
        _gateway(tmp_path, echo, {"limit_conn callers 64": "limit_conn callers 2"}) as (_, rest_port),
        ThreadPoolExecutor(2) as pool,
    ):
        futures = [pool.submit(ask, rest_port, "POST", _PREDICT, {"instances": [1]}) for _ in range(2)]
        # One runs, and the other waits for its turn.
        assert echo.entered.acquire(timeout=60)
        echo.wait_for(lambda requests: len(requests) == 1)
        status = ask(rest_port, "GET", "/v1/models/echo").status
        echo.gate.set()
        assert [answer.result(60).status for answer in futures] == [200, 200]
        assert status == 429
        assert ask(rest_port, "GET", "/v1/models/echo").status == 200


def test_headers_that_never_end_keep_nobody_out(tmp_path: Path) -> None:
    number, (files, most_files) = 2500, resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files < 3 * number:
        pytest.skip(f"a process may have {most_files} files here")
    limits = {"worker_processes auto": "worker_processes 1", "client_header_timeout 5s": "client_header_timeout 60s"}
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (files, most_files))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, 3 * number), most_files))
        _, rest_port = stack.enter_context(_gateway(tmp_path, Echo(), limits))
        for _ in range(number):
            caller = stack.enter_context(socket.create_connection(("127.0.0.1", rest_port), timeout=60))
            caller.sendall(f"POST {_PREDICT} HTTP/1.1\r\nHos".encode())
        assert ask(rest_port, "POST", _PREDICT, {"instances": [1]}).status == 200


@pytest.mark.parametrize(
    "begin", [b"POST ", f"POST {_PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{{".encode()]
)
def test_a_caller_that_falls_silent_is_cut_off(tmp_path: Path, begin: bytes) -> None:
    seconds = {
        "client_header_timeout 5s": "client_header_timeout 1s",
        "client_body_timeout 15s": "client_body_timeout 1s",
    }
    with (
        _gateway(tmp_path, Echo(), seconds) as (_, rest_port),
        socket.create_connection(("127.0.0.1", rest_port), timeout=60) as caller,
    ):
        caller.sendall(begin)
        with suppress(ConnectionResetError):
            while caller.recv(4096):
                pass


def test_a_model_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    echo = Echo()
    echo.gate.clear()
    seconds = {"proxy_read_timeout 30s": "proxy_read_timeout 1s", "grpc_read_timeout 30s": "grpc_read_timeout 1s"}
    with _gateway(tmp_path, echo, seconds) as (port, rest_port):
        assert ask(rest_port, "POST", _PREDICT, {"instances": [1]}).status == 504
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "echo"
            codec.write(request.inputs["x"], np.ones(1, np.float32))
            with pytest.raises(grpc.RpcError, match="504") as given_up:
                prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=60)
        assert given_up.value.code() == grpc.StatusCode.UNAVAILABLE
        echo.gate.set()
