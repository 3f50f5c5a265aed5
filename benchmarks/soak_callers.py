"""Callers of a soak, each kind in a process of its own: those that ask as they should, and those that do not.

    python soak_callers.py KIND ADDRESS REST_PORT MODEL

answers `run SECONDS` with what came of it; KIND `doomed` asks at once, without an end, and waits to be killed.

- `good`: texts by gRPC and REST without a pause, nothing tried again; answers are compared with the first to that text;
- `bad`: wrong shapes, names and dtypes, requests with bits flipped, JSON of all sorts;
- `slow`: connections that send nothing, and requests that come a byte a second;
- `huge`: rows made of one text, to the limit and beyond, and large requests that carry their texts.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import grpc
import numpy as np
from callers import texts
from harness import serve_lines
from tfapp_client import Client, ConnectionSettings, Retries, codec
from tfapp_client.messages import PredictRequest

_GRPC_CALLERS: Final = 16
_REST_CALLERS: Final = 2
_PREDICT: Final = "/tensorflow.serving.PredictionService/Predict"
_BATCH: Final = 4096
# `tfapp serve --max_request_rows`, as it is without a flag.
_MOST_ROWS: Final = 65_536
# Requests of as many rows that wait at the same time.
_GIANTS: Final = 24
_SILENT: Final = 16
# What is answered to bytes that are no message, and what to all others only where the server has a defect.
_UNREADABLE: Final = "Exception deserializing request!"
DEFECT: Final = "DEFECT"
# Of a server that has ended, everybody knows.
_MOST_LOST: Final = 1000
_STRING: Final = 7

# Gives a text's probabilities, or raises.
Ask = Callable[[str], Sequence[float]]


class Callers:
    """The server's address and the texts that all kinds of callers need.

    Args:
        address: The server's gRPC port.
        rest_port: Its REST port.
        model: A classifier.
    """

    def __init__(self, address: str, rest_port: str, model: str) -> None:
        self.address, self.rest_port, self.model = address, int(rest_port), model
        self.texts = texts()["made"]
        self._first: dict[str, Sequence[float]] = {}

    def good(self, seconds: float) -> dict[str, Any]:
        latencies: list[float] = []
        errors: list[str] = []
        wrong_texts: list[str] = []
        end = time.monotonic() + seconds

        def caller(ask: Ask, first: int) -> None:
            for text in itertools.cycle(self.texts[first:] + self.texts[:first]):
                start_time = time.monotonic()
                if start_time >= end or len(errors) >= _MOST_LOST:
                    return
                try:
                    answer = ask(text)
                except Exception as error:  # noqa: BLE001 - whatever it is, a request was lost
                    errors.append(f"{type(error).__name__}: {error}"[:300])
                    continue
                latencies.append(1e3 * (time.monotonic() - start_time))
                if not np.allclose(answer, self._first.setdefault(text, answer), atol=1e-3):
                    wrong_texts.append(text)

        with ExitStack() as stack:
            asks = [stack.enter_context(grpc_ask(self)) for _ in range(_GRPC_CALLERS)]
            asks += [stack.enter_context(rest_ask(self)) for _ in range(_REST_CALLERS)]
            run_all([lambda index=index, ask=ask: caller(ask, 50 * index) for index, ask in enumerate(asks)])
        return {"latencies": latencies, "lost": errors, "wrong": len(wrong_texts)}

    def bad(self, seconds: float) -> dict[str, Any]:
        codes: Counter[str] = Counter()
        chance = random.Random(7)
        with grpc.insecure_channel(self.address) as channel:
            predict = channel.unary_unary(_PREDICT)
            for _ in until(seconds, 0.02):
                codes[grpc_code(predict, malformed_request(self.model, chance), 30)] += 1
                status = rest_status(self, chance.choice(_DOCUMENTS))
                codes[DEFECT if status == 500 else f"REST {status}"] += 1
        return dict(codes)

    def slow(self, seconds: float) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        ports = [self.rest_port, int(self.address.rpartition(":")[2])]
        head = f"POST /v1/models/{self.model}:predict HTTP/1.1\r\nX-Slow: ".encode() + b"a" * 1000
        with ExitStack() as stack:
            connections = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port))) for port in ports * _SILENT
            ]
            slow: dict[socket.socket, Iterator[int]] = {}
            for _ in until(seconds, 1.0):
                for connection, bytes_left in list(slow.items()):
                    try:
                        connection.send(bytes([next(bytes_left)]))
                    except OSError:
                        del slow[connection]
                        counts["closed by the server"] += 1
                while len(slow) < _SILENT:
                    connection = stack.enter_context(socket.create_connection(("127.0.0.1", self.rest_port)))
                    slow[connection] = iter(head)
                    counts["slow requests"] += 1
            return {**counts, "silent connections": len(connections)}

    def huge(self, seconds: float) -> dict[str, Any]:
        codes: Counter[str] = Counter()
        end = time.monotonic() + seconds
        full_request = filled_request(self.model, [_MOST_ROWS])
        large_requests = [
            filled_request(self.model, shape) for shape in ([2 * _MOST_ROWS], [2 * _MOST_ROWS, 1, 1], [1, 1 << 30])
        ]
        text_request = PredictRequest()
        text_request.model_spec.name = self.model
        codec.write(text_request.inputs["text"], list(itertools.islice(itertools.cycle(self.texts), _BATCH)))

        def sender(name: str, requests: Sequence[bytes], pause: float, longest: float) -> None:
            with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                predict = channel.unary_unary(_PREDICT)
                for _ in until(end - time.monotonic(), pause):
                    for request in requests:
                        limit = min(longest, max(0.1, end - time.monotonic()))
                        codes[f"{name}: {grpc_code(predict, request, limit)}"] += 1

        run_all(
            [
                *[lambda: sender("filled up", [full_request], 0.1, 15)] * _GIANTS,
                lambda: sender("beyond the limit", large_requests, 0.5, 15),
                lambda: sender(f"{_BATCH} texts", [text_request.SerializeToString()], 1.0, 60),
            ]
        )
        return dict(codes)

    def run_until_killed(self) -> None:
        print("running", flush=True)
        self.good(3600)


@contextmanager
def grpc_ask(callers: Callers) -> Iterator[Ask]:
    """Asks by gRPC; nothing is tried again."""
    settings = ConnectionSettings(retries=Retries(attempts=1))
    with Client(callers.address, timeout=60, connection=settings) as client:
        yield lambda text: client.predict(callers.model, {"text": [text]})["probabilities"][0]


@contextmanager
def rest_ask(callers: Callers) -> Iterator[Ask]:
    """Asks by REST, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", callers.rest_port, timeout=60)

    def ask(text: str) -> Sequence[float]:
        connection.request("POST", f"/v1/models/{callers.model}:predict", json.dumps({"instances": [text]}))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise OSError(f"{answer.status}: {body[:200]!r}")
        return list(json.loads(body)["predictions"][0]["probabilities"])

    yield ask
    connection.close()


_SHAPES: Final = ([], [0], [1, 0], [3, 0, 2], [2, 3], [-1], [1 << 40], [1 << 62, 1 << 62], [1] * 100)
_DOCUMENTS: Final = (
    '{"instances":[[]]}',
    '{"inputs":"a"}',
    '{"instances":[["a"],["b","c"]]}',
    '{"instances":[1e999]}',
    '{"instances":' + "[" * 2000,
    '{"instances":["\\ud800"]}',
    '{"instances":[{"b64":"%"}]}',
    "",
    "\x00",
)


def malformed_request(model: str, chance: random.Random) -> bytes:
    """Returns a Predict that is wrong."""
    request = PredictRequest()
    request.model_spec.name = chance.choice([model, model, model, "", "none"])
    request.model_spec.signature_name = chance.choice(["", "", "", "explain", "none"])
    tensor = request.inputs[chance.choice(["text", "text", "text", "x"])]
    tensor.dtype = chance.choice([_STRING, _STRING, _STRING, *range(30)])
    tensor.string_val.extend(chance.choice([[], [b"a"], [b"\xff"] * 3]))
    for size in chance.choice(_SHAPES):
        tensor.tensor_shape.dim.add().size = size
    data = bytearray(request.SerializeToString())
    for _ in range(chance.choice([0, 0, 1, 3])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def filled_request(model: str, shape: Sequence[int]) -> bytes:
    """Returns a Predict of one text, which stands for all rows of the shape."""
    request = PredictRequest()
    request.model_spec.name = model
    tensor = request.inputs["text"]
    tensor.dtype = _STRING
    tensor.string_val.append(b"markets rose as traders waited for news of the bank")
    for size in shape:
        tensor.tensor_shape.dim.add().size = size
    return request.SerializeToString()


def until(seconds: float, pause: float) -> Iterator[None]:
    """Goes on for a time, with a pause after each turn."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(pause)


def run_all(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def grpc_code(predict: Any, request: bytes, timeout: float) -> str:
    call = predict.future(request, timeout=timeout)
    if call.code() is grpc.StatusCode.INTERNAL and call.details() != _UNREADABLE:
        return DEFECT
    return str(call.code().name)


def rest_status(callers: Callers, document: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", callers.rest_port, timeout=30)
    try:
        connection.request("POST", f"/v1/models/{callers.model}:predict", document)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def main() -> None:
    kind, *where = sys.argv[1:]
    callers = Callers(*where)
    if kind == "doomed":
        callers.run_until_killed()
    serve_lines(lambda question: getattr(callers, kind)(float(question.removeprefix("run "))))


if __name__ == "__main__":
    main()
