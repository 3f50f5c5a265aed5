"""A gRPC server without TensorFlow, for tests of the way to it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from tfapp_client import codec, messages
from tfapp_client.transport import PREDICT, STATUS, Method


def double(request: Any) -> Any:
    """Answers y = 2 x, from version 1."""
    answer = messages.PredictResponse()
    answer.model_spec.version.value = 1
    codec.write(answer.outputs["y"], codec.decode(request.inputs["x"]) * 2)
    return answer


@dataclass
class BareServer:
    """Answers Predict by a function, and any status call with version 1.

    Attributes:
        predict: Answers a request; what it raises as a `Refusal` is the call's status.
        port: 0: any free one.
        metadata: What came with each Predict call.
    """

    predict: Callable[[Any], Any] = double
    port: int = 0
    credentials: Any = None
    metadata: list[dict[str, str]] = field(default_factory=list)
    _server: Any = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self) -> int:
        """Predict calls that reached it."""
        return len(self.metadata)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        size = 64 << 20
        limits = [("grpc.max_receive_message_length", size), ("grpc.max_send_message_length", size)]
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0), *limits])
        self._server.add_generic_rpc_handlers([_Handlers(self)])
        if self.credentials is None:
            self.port = self._server.add_insecure_port(self.address)
        else:
            self.port = self._server.add_secure_port(self.address, self.credentials)
        self._server.start()

    def stop(self) -> None:
        self._server.stop(0).wait()


class Refusal(Exception):  # noqa: N818
    """Ends a call with a status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, server: BareServer) -> None:
        self._server = server

    def service(self, details: Any) -> Any:
        if details.method == PREDICT.path:
            return _handler(PREDICT, self._predict)
        return _handler(STATUS, _status) if details.method == STATUS.path else None

    def _predict(self, request: Any, context: Any) -> Any:
        self._server.metadata.append(dict(context.invocation_metadata()))
        try:
            return self._server.predict(request)
        except Refusal as refusal:
            context.abort(refusal.code, str(refusal))


def _status(_request: Any, _context: Any) -> Any:
    answer = messages.GetModelStatusResponse()
    answer.model_version_status.add(version=1, state=30)
    return answer


def _handler(method: Method, function: Callable[[Any, Any], Any]) -> Any:
    return grpc.unary_unary_rpc_method_handler(
        function,
        request_deserializer=method.request.FromString,
        response_serializer=method.answer.SerializeToString,
    )


class CountingProxy:
    """Passes TCP connections on, and counts the bytes that go to the server."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._to))
            for source, sink, counts in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass, args=(source, sink, counts), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counts: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self.sent += len(data) * counts
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()


class OtherProcess:
    """A `BareServer` in a process of its own, which can be killed and come back on its port."""

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.client.bare_server", str(self.port)]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()


if __name__ == "__main__":
    with BareServer(port=int(sys.argv[1])) as server:
        print(server.port, flush=True)
        # Until the parent goes.
        sys.stdin.read()
