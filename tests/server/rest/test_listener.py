from __future__ import annotations

import gzip
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import Client
from tfapp_client.errors import ResourceExhaustedError

from tests.conformance.rest import ask
from tests.hostile.draws import mutate
from tests.served_models import write_numbers, write_words
from tests.server.echo import Echo, Stuck, serving_echo
from tfapp.errors import ServerError
from tfapp.server import ModelServer, ServerSettings, running_server

_PREDICT = "/v1/models/echo:predict"
_GZIP = {"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}


@pytest.fixture
def echo() -> Iterator[Echo]:
    servable = Echo()
    yield servable
    servable.gate.set()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    models = tmp_path_factory.mktemp("models")
    write_numbers(models, 1)
    write_words(models)
    with running_server(models, settings=ServerSettings(port=0, rest_api_port=0)) as rest_server:
        yield rest_server


def _port(server: ModelServer) -> int:
    port = server.rest_port
    assert port
    return port


def _row(*numbers: float) -> dict[str, Any]:
    return {"instances": list(numbers)}


def test_answers_many_callers_at_the_same_time(server: ModelServer) -> None:
    def call(number: int) -> Any:
        return ask(_port(server), "POST", "/v1/models/numbers:predict", _row(number, 2 * number)).json()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(64)))
    expected = [[{"x2": 2.0 * n, "y": n / 2 + 1}, {"x2": 4.0 * n, "y": n + 1.0}] for n in range(64)]
    assert [answer["predictions"] for answer in answers] == expected


def test_a_connection_is_kept_for_the_next_request_even_after_a_mistake(server: ModelServer) -> None:
    connection = HTTPConnection("127.0.0.1", _port(server), timeout=60)
    for body, status in (("{", 400), ('{"inputs": [1]}', 200), ("", 400), ('{"inputs": [2]}', 200)):
        connection.request("POST", "/v1/models/numbers:predict", body)
        answer = connection.getresponse()
        assert answer.status == status
        answer.read()
        assert connection.sock is not None
    connection.close()


def test_a_chunked_body(server: ModelServer) -> None:
    connection = HTTPConnection("127.0.0.1", _port(server), timeout=60)
    connection.request("POST", "/v1/models/numbers:predict", iter([b'{"inputs"', b": [1]}"]), encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()


def test_gzip_both_ways(server: ModelServer) -> None:
    body = json.dumps({"inputs": ["a longer text"] * 100}).encode()
    port, path = _port(server), "/v1/models/words:predict"
    answer = ask(port, "POST", path, gzip.compress(body), _GZIP)
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 1000
    assert gzip.decompress(answer.body) == ask(port, "POST", path, body).body
    # Two members make one body, small answers stay as they are, and so do those that are not to be packed.
    two_members = gzip.compress(b'{"inputs": ') + gzip.compress(b'["a"]}')
    assert json.loads(ask(port, "POST", path, two_members, _GZIP).body)["outputs"]["upper"] == ["A"]
    assert "content-encoding" not in ask(port, "POST", path, body, {"Accept-Encoding": "gzip;q=0, br"}).headers
    # So many members that reading what is left after each, again and again, would take minutes.
    members = gzip.compress(b"") * 100_000 + gzip.compress(body)
    assert ask(port, "POST", path, members, {"Content-Encoding": "gzip"}).status == 200
    for content in (b"{}", gzip.compress(body)[:-9], b"\x1f\x8b" + b"x" * 20):
        refusal = ask(port, "POST", path, content, _GZIP)
        assert refusal.status == 400
        assert refusal.json()["error"].startswith("Failed to uncompress the gzipped body: ")


def test_the_limit_on_sizes(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo, rest_api_port=0, max_message_bytes=1000) as server:
        port = _port(server)
        large = json.dumps({"inputs": [1.0] * 1000}).encode()
        assert ask(port, "POST", _PREDICT, large).status == 413
        bomb = gzip.compress(b" " * 100_000)
        assert len(bomb) < 1000
        refusal = ask(port, "POST", _PREDICT, bomb, _GZIP)
        assert refusal.status == 413
        assert refusal.json()["error"].startswith("Received message larger than max")
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", _PREDICT, iter([large[:600], large[600:]]), encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()
        # A short way to write numbers has a long answer.
        long_answer = ask(port, "POST", _PREDICT, {"inputs": [1] * 120})
        assert long_answer.status == 429
        assert long_answer.json()["error"].startswith("Sent message larger than max")
        assert ask(port, "POST", _PREDICT, _row(1)).json() == {"predictions": [1.0]}


def test_lists_are_limited_by_the_rows(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo, rest_api_port=0, max_request_rows=2) as server:
        refusal = ask(_port(server), "POST", _PREDICT, b'{"instances": [' + b"[]," * 121 + b"{},[]]}")
        assert refusal.status == 400
        assert refusal.json()["error"] == (
            "the request has 131 lists and objects, an object counted as 4; this server takes at most 128, 64 for each "
            "of 2 rows (--max_request_rows)"
        )
        assert ask(_port(server), "POST", _PREDICT, b'{"instances": [[' + b"1," * 500 + b"1]]}").status == 200


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("predict", {"instances": [0, 0, 0, []]}),
        ("predict", {"inputs": [0, 0, 0, []]}),
        ("predict", {"inputs": {"x": [0, 0, 0, []]}}),
        ("classify", {"examples": [{"x": 0.0}, {}, {}, 1]}),
    ],
)
def test_rows_are_counted_before_any_is_read(tmp_path: Path, echo: Echo, verb: str, body: Any) -> None:
    with serving_echo(tmp_path, echo, rest_api_port=0, max_request_rows=3) as server:
        refusal = ask(_port(server), "POST", _PREDICT.replace(":predict", f":{verb}"), body)
        assert refusal.status == 400
        assert refusal.json()["error"] == (
            "the request has 4 rows; this server takes at most 3 a request (--max_request_rows)"
        )


def test_bodies_are_limited_in_sum(tmp_path: Path, echo: Echo) -> None:
    """Large ones wait outside while others are at work, small ones always find room."""
    large = json.dumps({"inputs": [1.0] * 40_000}).encode()
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, rest_api_max_pending_bytes=200_000) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        port = _port(server)
        echo.gate.clear()
        first = pool.submit(ask, port, "POST", _PREDICT, large)
        assert echo.entered.acquire(timeout=30)
        for body, headers in ((large, {}), (gzip.compress(large), _GZIP)):
            refusal = ask(port, "POST", _PREDICT, body, headers)
            assert refusal.status == 503
            assert "--rest_api_max_pending_bytes" in refusal.json()["error"]
        small = socket.create_connection(("127.0.0.1", port), timeout=60)
        small.sendall(f"POST {_PREDICT} HTTP/1.1\r\nContent-Length: 15\r\n\r\n".encode() + b'{"inputs": [1]}')
        # The large one is still there, of which a part is being run.
        echo.wait_for(lambda requests: len(requests) == 2)
        small.close()
        echo.gate.set()
        assert first.result().status == 200
        assert ask(port, "POST", _PREDICT, large).status == 200


def test_a_caller_who_hangs_up_is_not_run(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo, rest_api_port=0) as server, ThreadPoolExecutor(1) as pool:
        echo.gate.clear()
        first = pool.submit(ask, _port(server), "POST", _PREDICT, _row(1))
        assert echo.entered.acquire(timeout=30)
        connection = HTTPConnection("127.0.0.1", _port(server), timeout=60)
        connection.request("POST", _PREDICT, json.dumps(_row(2)))
        echo.wait_for(lambda requests: len(requests) == 1)
        connection.close()
        echo.wait_for(lambda requests: not any(request.is_wanted for request in requests))
        echo.gate.set()
        assert first.result().status == 200
        assert ask(_port(server), "POST", _PREDICT, _row(3)).status == 200
        assert 'request_count{model_name="echo",status="CANCELLED"} 1' in server.metrics.page()
    assert echo.seen == [1, 3]


def test_a_request_has_a_time(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, rest_api_timeout_in_ms=300) as server,
        ThreadPoolExecutor(1) as pool,
    ):
        echo.gate.clear()
        first_call = pool.submit(ask, _port(server), "POST", _PREDICT, _row(1))
        assert echo.entered.acquire(timeout=30)
        answer = ask(_port(server), "POST", _PREDICT, _row(2))
        assert (answer.status, answer.json()["error"]) == (
            429,
            "Run() timeout exceeded while waiting in batching queue",
        )
        assert (first_call.result().status, first_call.result().json()["error"].split()[0]) == (504, "Deadline")
        with socket.create_connection(("127.0.0.1", _port(server)), timeout=60) as slow:
            slow.sendall(f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
            assert slow.recv(100).startswith(b"HTTP/1.1 504 ")


def test_a_run_that_knows_no_deadlines_is_not_waited_for(tmp_path: Path) -> None:
    servable = Stuck()
    servable.gate.clear()
    with serving_echo(tmp_path, servable, rest_api_port=0, rest_api_timeout_in_ms=100, drain_seconds=0.1) as server:
        late_answer = ask(_port(server), "POST", _PREDICT, _row(1))
        assert (late_answer.status, late_answer.json()["error"]) == (
            504,
            "Deadline exceeded before the answer was there",
        )
        assert servable.entered.acquire(blocking=False)
        # It still runs, and the stop says so.
        assert not server.stop()


def test_both_ways_in_share_the_limit(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, grpc_max_threads=2) as server,
        ThreadPoolExecutor(2) as pool,
        Client(server.address) as client,
    ):
        echo.gate.clear()
        futures: list[Any] = [pool.submit(ask, _port(server), "POST", _PREDICT, _row(1))]
        assert echo.entered.acquire(timeout=30)
        futures.append(pool.submit(client.predict, "echo", {"x": np.array([2], np.float32)}))
        echo.wait_for(lambda requests: len(requests) == 1)
        refusal = ask(_port(server), "POST", _PREDICT, _row(3))
        assert (refusal.status, refusal.json()) == (429, {"error": "Server Threadpool Exhausted"})
        with pytest.raises(ResourceExhaustedError):
            client.predict("echo", {"x": [4.0]})
        # What does not ask the model is answered.
        assert ask(_port(server), "GET", "/v1/models/echo").status == 200
        echo.gate.set()
        assert futures[0].result().status == 200
        assert futures[1].result()["x"].tolist() == [2]
        assert ask(_port(server), "POST", _PREDICT, _row(5)).status == 200


def test_more_requests_than_threads_wait(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, rest_api_num_threads=1) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(lambda n: ask(_port(server), "POST", _PREDICT, _row(n)).json(), range(12)))
    assert answers == [{"predictions": [float(n)]} for n in range(12)]


def test_a_stop_finishes_what_was_taken_and_refuses_the_rest(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, drain_seconds=60) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        connection = HTTPConnection("127.0.0.1", _port(server), timeout=60)
        connection.request("GET", "/v1/models/echo")
        connection.getresponse().read()
        echo.gate.clear()
        future = pool.submit(ask, _port(server), "POST", _PREDICT, _row(1))
        assert echo.entered.acquire(timeout=30)
        stop = pool.submit(server.stop)
        _wait_until_refused(_port(server))
        assert not future.done()
        echo.gate.set()
        assert future.result().json() == {"predictions": [1.0]}
        assert stop.result()
    assert echo.seen == [1]


def test_a_stop_is_bounded_and_tells_those_it_cuts_off(tmp_path: Path, echo: Echo) -> None:
    with (
        serving_echo(tmp_path, echo, rest_api_port=0, drain_seconds=0.2) as server,
        ThreadPoolExecutor(2) as pool,
    ):
        echo.gate.clear()
        first_call = pool.submit(ask, _port(server), "POST", _PREDICT, _row(1))
        assert echo.entered.acquire(timeout=30)
        second_call = pool.submit(ask, _port(server), "POST", _PREDICT, _row(2))
        echo.wait_for(lambda requests: len(requests) == 1)
        with socket.create_connection(("127.0.0.1", _port(server)), timeout=60) as connection:
            connection.sendall(f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
            server.stop()
            assert connection.recv(100).startswith(b"HTTP/1.1 503 ")
        for answer in (first_call.result(), second_call.result()):
            assert (answer.status, answer.json()) == (503, {"error": "The server stops"})


def test_ports(tmp_path: Path, echo: Echo) -> None:
    with serving_echo(tmp_path, echo) as server:
        assert (server.rest_port, server.rest_address) == (None, None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ServerError, match="choose another with --rest_api_port"):
            ModelServer(list, ServerSettings(port=0, rest_api_port=port)).start()
    with pytest.raises(ServerError, match=f"--port and --rest_api_port are both {port}"):
        ModelServer(list, ServerSettings(port=port, rest_api_port=port)).start()
    with serving_echo(tmp_path, echo, rest_api_port=0, host="::1") as server:
        assert server.rest_address == f"[::1]:{server.rest_port}"
        connection = HTTPConnection("::1", _port(server), timeout=60)
        connection.request("GET", "/v1/models/echo")
        assert connection.getresponse().status == 200
        connection.close()


def test_pages_from_elsewhere(tmp_path: Path, echo: Echo) -> None:
    origin = {"Origin": "https://example.org"}
    asks = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "Content-Type"}
    with serving_echo(tmp_path, echo, rest_api_port=0, rest_api_enable_cors_support=True) as server:
        assert ask(_port(server), "OPTIONS", _PREDICT, headers=asks).status == 200
        answer = ask(_port(server), "POST", _PREDICT, _row(1), origin)
        assert answer.headers["access-control-allow-origin"] == "*"
    with serving_echo(tmp_path, echo, rest_api_port=0) as server:
        assert ask(_port(server), "OPTIONS", _PREDICT, headers=asks).status == 400
        assert "access-control-allow-origin" not in ask(_port(server), "POST", _PREDICT, _row(1), origin).headers


def test_a_defect_of_ours_is_no_answer_but_no_end_either(tmp_path: Path) -> None:
    class Broken(Echo):
        def run(self, _inputs: Any, _outputs: Any, _caller: Any) -> Any:
            raise ZeroDivisionError

    with serving_echo(tmp_path, Broken(), rest_api_port=0) as server:
        for _ in range(2):
            answer = ask(_port(server), "POST", _PREDICT, _row(1))
            assert (answer.status, answer.json()) == (500, {"error": "The server failed; its log says why"})


def test_malformed_requests_are_mistakes_of_the_caller(server: ModelServer) -> None:
    valid: list[tuple[str, bytes]] = [
        ("/v1/models/numbers:predict", b'{"signature_name": "serving_default", "instances": [{"x": 1.0}, {"x": -2}]}'),
        ("/v1/models/numbers:predict", b'{"signature_name": "two", "inputs": {"a": [1.0], "b": [NaN]}}'),
        ("/v1/models/words:predict", '{"instances": ["é", {"b64": "aGk="}]}'.encode()),
        ("/v1/models/numbers:classify", b'{"signature_name": "classify", "examples": [{"x": [2.0]}]}'),
        ("/v1/models/numbers:regress", b'{"signature_name": "regress", "context": {"x": 1.5}, "examples": [{}]}'),
    ]
    source = random.Random(0)
    for _ in range(400):
        path, body = source.choice(valid)
        mutation = mutate(body, source)
        answer = ask(_port(server), "POST", path, mutation)
        assert answer.status in (200, 400), (path, mutation, answer)
        assert isinstance(json.loads(answer.body.decode("utf-8", "replace")), dict), (path, mutation, answer)
    assert ask(_port(server), "POST", *valid[0]).status == 200


def test_a_request_of_too_many_rows_is_refused(server: ModelServer) -> None:
    for document in ({"instances": [0] * 70_000}, {"inputs": [[[0]]] * 70_000}):
        answer = ask(_port(server), "POST", "/v1/models/numbers:predict", document)
        assert answer.status == 400
        assert (
            "the request has 70000 rows; this server takes at most 65536 a request (--max_request_rows)" in answer.text
        )
    assert ask(_port(server), "POST", "/v1/models/numbers:predict", {"instances": [0] * 50_000}).status == 200


def test_what_is_no_http_leaves_it_answering(server: ModelServer) -> None:
    source = random.Random(1)
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", _port(server)), timeout=60) as connection:
            connection.sendall(mutate(b"GET /v1/models/numbers HTTP/1.1\r\nHost: x\r\n\r\n", source))
    assert ask(_port(server), "GET", "/v1/models/numbers").status == 200


def _wait_until_refused(port: int) -> None:
    """Waits until new requests are refused, by an answer or by a closed port."""
    pause, end = threading.Event(), time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if ask(port, "GET", "/v1/models/echo").status == 503:
                return
        except OSError:
            return
        pause.wait(0.005)
    raise AssertionError("still taken")
