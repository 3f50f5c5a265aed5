from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tfapp_client import Client, codec
from tfapp_client.errors import ResourceExhaustedError, UnimplementedError

from tests.server.echo import Echo, Stuck, serving_echo
from tfapp.errors import ServerError
from tfapp.server import ModelServer, ServerSettings
from tfapp.server.grpc.channel_options import channel_options, connection_bound
from tfapp.server.settings import TlsSettings

_REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
def echo() -> Iterator[Echo]:
    servable = Echo()
    yield servable
    servable.gate.set()


def _request(*numbers: float) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "echo"
    request.inputs["x"].ParseFromString(codec.encode(np.array(numbers, np.float32)).SerializeToString())
    return request


def _stub(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_a_call_whose_time_is_up_or_that_is_cancelled_is_not_run(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo) as server, grpc.insecure_channel(server.address) as channel:
        predict = _stub(channel).Predict
        echo.gate.clear()
        first = predict.future(_request(1), timeout=60)
        assert echo.entered.acquire(timeout=30)
        late_call = predict.future(_request(2), timeout=2)
        echo.wait_for(lambda requests: len(requests) == 1)
        call = predict.future(_request(3), timeout=60)
        echo.wait_for(lambda requests: len(requests) == 2)
        call.cancel()
        assert late_call.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
        # The server hears of it after the caller.
        echo.wait_for(lambda requests: not any(request.is_wanted for request in requests))
        echo.gate.set()
        assert first.result().outputs["x"].tensor_content
        assert predict(_request(4), timeout=60)
    assert echo.seen == [1, 4]


def test_more_than_its_threads_are_refused_but_status_and_health_answer(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo, grpc_max_threads=2) as server, grpc.insecure_channel(server.address) as channel:
        predict = _stub(channel).Predict
        echo.gate.clear()
        calls = [predict.future(_request(1), timeout=60)]
        assert echo.entered.acquire(timeout=30)
        calls.append(predict.future(_request(2), timeout=60))
        echo.wait_for(lambda requests: len(requests) == 1)
        with pytest.raises(grpc.RpcError) as excinfo:
            predict(_request(9), timeout=60)
        assert excinfo.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert excinfo.value.details() == "Server Threadpool Exhausted"
        with Client(server.address) as client:
            assert client.health()
            assert client.status("echo")[0].version == 1
        echo.gate.set()
        assert all(call.result() for call in calls)
        assert predict(_request(5), timeout=60)


def test_a_message_over_the_limit_is_refused(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo, max_message_bytes=1000) as server, Client(server.address) as client:
        assert client.predict("echo", {"x": [1.0]})["x"].tolist() == [1]
        with pytest.raises(ResourceExhaustedError):
            client.predict("echo", {"x": [1.0] * 1000})


def test_arguments_for_grpc_itself_reach_it(tmp_path: Path, echo: Echo) -> None:
    arguments = {"grpc.max_receive_message_length": 100}
    with (
        serving_echo(tmp_path, echo, grpc_channel_arguments=arguments) as server,
        Client(server.address) as client,
        pytest.raises(ResourceExhaustedError),
    ):
        client.predict("echo", {"x": [1.0] * 1000})


def _watch_close(channel: grpc.Channel) -> threading.Event:
    """Connects a channel; the event is set once its connection has been closed."""
    states: list[grpc.ChannelConnectivity] = []
    end = threading.Event()

    def note(state: grpc.ChannelConnectivity) -> None:
        states.append(state)
        if state is grpc.ChannelConnectivity.IDLE and grpc.ChannelConnectivity.READY in states:
            end.set()

    channel.subscribe(note, try_to_connect=True)
    return end


def test_connections_have_an_age(tmp_path: Path, echo: Echo) -> None:
    """A connection of that age is closed, and a new one is made when it is needed."""
    arguments = {"grpc.max_connection_age_ms": 100}
    with (
        serving_echo(tmp_path, echo, grpc_channel_arguments=arguments) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        assert _watch_close(channel).wait(30)
        assert _stub(channel).Predict(_request(1), timeout=30)


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4" + b"\0" * 5


@pytest.mark.parametrize("content", [b"", _PREFACE])
def test_who_never_calls_is_closed(tmp_path: Path, echo: Echo, content: bytes) -> None:
    limits = {"grpc.max_connection_idle_ms": 100, "grpc.server_handshake_timeout_ms": 100}
    with (
        serving_echo(tmp_path, echo, grpc_channel_arguments=limits) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection,
    ):
        connection.sendall(content)
        while connection.recv(4096):
            pass


def test_the_idle_limit_is_unnoticed(tmp_path: Path, echo: Echo) -> None:
    """A client connects anew when it calls again, and a call that goes on is no idle one."""
    limits = {"grpc.max_connection_idle_ms": 100}
    with (
        serving_echo(tmp_path, echo, grpc_channel_arguments=limits, drain_seconds=0.1) as server,
        # Channels of one process to one address share a connection otherwise.
        grpc.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel,
        grpc.insecure_channel(server.address) as idle,
        Client(server.address) as client,
    ):
        assert client.predict("echo", {"x": [1.0]})["x"].tolist() == [1]
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert _watch_close(idle).wait(30)
        assert client.predict("echo", {"x": [2.0]})["x"].tolist() == [2]
        server.stop()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_default_limits_of_connections() -> None:
    options = channel_options(ServerSettings())
    # gRPC's clients close what they have not used for half an hour.
    assert 30 * 60_000 < options["grpc.max_connection_idle_ms"] < 60 * 60_000
    assert options["grpc.max_concurrent_streams"] >= 1024


def test_the_bound_on_connections_is_named() -> None:
    assert re.fullmatch(
        r"at most \d+ gRPC connections, by ulimit -n \((\d+|unlimited)\); further ones are closed "
        r"\(--grpc_channel_arguments=grpc\.max_allowed_incoming_connections=N sets another\)",
        connection_bound(ServerSettings()),
    )
    settings = ServerSettings(grpc_channel_arguments={"grpc.max_allowed_incoming_connections": 7})
    assert connection_bound(settings) == (
        "at most 7 gRPC connections (--grpc_channel_arguments=grpc.max_allowed_incoming_connections); "
        "further ones are closed"
    )


def test_the_log_names_it_at_the_start(tmp_path: Path, echo: Echo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "tfapp")
    with serving_echo(tmp_path, echo) as server:
        assert connection_bound(server.settings) in caplog.messages


def test_callers_who_send_no_message_hold_up_nobody(tmp_path: Path, echo: Echo) -> None:
    """They may be many more than there are threads."""
    end = threading.Event()

    def nothing() -> Iterator[bytes]:
        end.wait(60)
        return
        yield b""

    with (
        serving_echo(tmp_path, echo, grpc_max_threads=1) as server,
        grpc.insecure_channel(server.address) as channel,
        Client(server.address) as client,
    ):
        watch = health_pb2_grpc.HealthStub(channel).Watch
        watches = [watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(50)]
        assert all(next(watch).status == health_pb2.HealthCheckResponse.SERVING for watch in watches)
        calls = [
            channel.stream_stream(path)(nothing(), timeout=60)
            for path in ("/tensorflow.serving.PredictionService/Predict", _REFLECTION)
            for _ in range(300)
        ]
        assert client.predict("echo", {"x": [1.0]}, timeout=60)["x"].tolist() == [1]
        bound = "256 calls wait for their message, the most that may (--grpc_max_threads)"
        assert (grpc.StatusCode.RESOURCE_EXHAUSTED, bound) in {
            (call.code(), call.details()) for call in calls if call.done()
        }
        end.set()
        for call in calls + watches:
            call.cancel()


def test_what_is_asked_a_million_times_is_answered_once(tmp_path: Path, echo: Echo) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "echo"
    with serving_echo(tmp_path, echo) as server, grpc.insecure_channel(server.address) as channel:
        ask = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata
        answer = ask(request, timeout=60)
        request.metadata_field.extend(["signature_def"] * 1_000_000)
        assert ask(request, timeout=10) == answer


def test_a_call_without_a_message_is_answered(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo) as server,
        grpc.insecure_channel(server.address) as channel,
        pytest.raises(grpc.RpcError) as excinfo,
    ):
        channel.stream_unary("/tensorflow.serving.PredictionService/Predict")(iter(()), timeout=30)
    assert excinfo.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_reflection_tells_services_and_their_messages(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo) as server, grpc.insecure_channel(server.address) as channel:
        ask = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo
        symbol = "tensorflow.serving.PredictionService"
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol),
        ]
        services, descriptors = list(ask(iter(requests), timeout=30))
    names = {service.name for service in services.list_services_response.service}
    assert {symbol, "tensorflow.serving.ModelService", "grpc.health.v1.Health"} <= names
    assert any(b"PredictRequest" in file for file in descriptors.file_descriptor_response.file_descriptor_proto)


def test_health_can_be_left_out(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, enable_grpc_healthcheck_service=False) as server,
        Client(server.address) as client,
        pytest.raises(UnimplementedError),
    ):
        client.health()


def test_a_unix_socket(tmp_path: Path, echo: Echo) -> None:
    path = tmp_path / "s"
    with serving_echo(tmp_path, echo, grpc_socket_path=path) as server:
        with Client(f"unix:{path}") as client:
            assert client.predict("echo", {"x": [2.0]})["x"].tolist() == [2]
        with Client(server.address) as client:
            assert client.predict("echo", {"x": [3.0]})["x"].tolist() == [3]
        with (
            pytest.raises(ServerError, match="another server does"),
            serving_echo(tmp_path, echo, grpc_socket_path=path),
        ):
            pass
        with Client(f"unix:{path}") as client:
            assert client.predict("echo", {"x": [4.0]})["x"].tolist() == [4]
    # What a server that was killed leaves behind is in nobody's way.
    stale_socket = socket.socket(socket.AF_UNIX)
    stale_socket.bind(str(tmp_path / "left"))
    stale_socket.close()
    with (
        serving_echo(tmp_path, echo, grpc_socket_path=tmp_path / "left"),
        Client(f"unix:{tmp_path / 'left'}") as client,
    ):
        assert client.predict("echo", {"x": [5.0]})["x"].tolist() == [5]
    for path, rule in ((tmp_path / "no" / "s", "no folder"), (tmp_path / "file", "a file of that name")):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(ServerError, match=rule), serving_echo(tmp_path, echo, grpc_socket_path=path):
            pass
    assert (tmp_path / "file").read_text() == "mine"
    with (
        pytest.raises(ServerError, match="too long"),
        serving_echo(tmp_path, echo, grpc_socket_path=tmp_path / ("s" * 200)),
    ):
        pass


def test_a_stop_is_bounded(tmp_path: Path) -> None:
    """A call that never ends is cut off after the drain."""
    servable = Stuck()
    servable.gate.clear()
    with (
        serving_echo(tmp_path, servable, drain_seconds=0.1) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        call = _stub(channel).Predict.future(_request(1), timeout=120)
        assert servable.entered.acquire(timeout=30)
        assert not server.stop()
        assert call.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN)


class Certificates:
    """An authority and what it signed, made with the openssl command; attributes are PEM files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = self._make("ca", "-x509", "-subj", "/CN=authority", "-days", "2")
        self._sign("server", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self._sign("client", "subjectAltName=DNS:client")
        self._make("stranger", "-x509", "-subj", "/CN=stranger", "-days", "2")

    def pem(self, name: str, kind: str = "pem") -> Path:
        return self._folder / f"{name}.{kind}"

    def text(self, name: str, kind: str = "pem") -> str:
        return self.pem(name, kind).read_text()

    def _make(self, name: str, *arguments: str) -> Path:
        key = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            str(self.pem(name, "key")),
        )
        self._openssl("req", *key, "-out", str(self.pem(name)), *arguments)
        return self.pem(name)

    def _sign(self, name: str, extension: str) -> None:
        self._make(name, "-subj", f"/CN={name}")
        extensions = self.pem(name, "ext")
        extensions.write_text(extension)
        request = self.pem(name).rename(self.pem(name, "csr"))
        authority = ("-CA", str(self.authority), "-CAkey", str(self.pem("ca", "key")), "-CAcreateserial")
        self._openssl(
            "x509", "-req", "-in", str(request), *authority, "-out", str(self.pem(name)), "-days", "2",
            "-extfile", str(extensions),
        )  # fmt: skip

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    return Certificates(tmp_path_factory.mktemp("certificates"))


def _tls(certificates: Certificates, **values: Any) -> TlsSettings:
    return TlsSettings(server_key=certificates.text("server", "key"), server_cert=certificates.text("server"), **values)


def _asks(server: ModelServer, certificates: Certificates, client: str | None = None) -> list[float]:
    key, chain = (certificates.text(client, "key"), certificates.text(client)) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(
        certificates.authority.read_bytes(), key and key.encode(), chain and chain.encode()
    )
    with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
        answer = _stub(channel).Predict(_request(1.5), timeout=10)
        return codec.decode(answer.outputs["x"]).tolist()


def test_tls(tmp_path: Path, echo: Echo, certificates: Certificates) -> None:
    with serving_echo(tmp_path, echo, tls=_tls(certificates)) as server:
        assert _asks(server, certificates) == [1.5]
        with grpc.insecure_channel(server.address) as plain_channel, pytest.raises(grpc.RpcError) as excinfo:
            _stub(plain_channel).Predict(_request(1), timeout=10)
        assert excinfo.value.code() is grpc.StatusCode.UNAVAILABLE


def test_mutual_tls(tmp_path: Path, echo: Echo, certificates: Certificates) -> None:
    tls = _tls(certificates, custom_ca=certificates.text("ca"), client_verify=True)
    with serving_echo(tmp_path, echo, tls=tls) as server:
        assert _asks(server, certificates, "client") == [1.5]
        for certificate in (None, "stranger"):
            with pytest.raises(grpc.RpcError) as excinfo:
                _asks(server, certificates, certificate)
            assert excinfo.value.code() is grpc.StatusCode.UNAVAILABLE


def test_keys_and_certificates_that_do_not_fit_are_told_at_the_start(
    tmp_path: Path, echo: Echo, certificates: Certificates
) -> None:
    cases = [
        (TlsSettings(server_key="no key", server_cert="no certificate"), "are not a PEM key and its certificate"),
        (
            TlsSettings(server_key=certificates.text("client", "key"), server_cert=certificates.text("server")),
            "are not a PEM key and its certificate",
        ),
        (_tls(certificates, custom_ca="none"), "custom_ca holds no PEM certificate"),
    ]
    for tls, rule in cases:
        with pytest.raises(ServerError, match=rule), serving_echo(tmp_path, echo, tls=tls):
            pass
