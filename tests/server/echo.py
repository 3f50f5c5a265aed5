"""A model that answers what it is asked, when it is let."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from tfapp.server import ModelServer, ServerSettings
from tfapp.server.batching.batch_request import BatchRequest
from tfapp.server.batching.batch_scheduler import BatchScheduler
from tfapp.server.loading.model_source import ServedModel
from tfapp.server.settings import BatchingSettings

__all__ = ["Echo", "Stuck", "serving_echo"]


class Echo:
    """A signature that answers its input, once the gate is open."""

    def __init__(self) -> None:
        self.definition = meta_graph_pb2.SignatureDef()
        self.definition.inputs["x"].dtype = self.definition.outputs["x"].dtype = types_pb2.DT_FLOAT
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.seen: list[float] = []
        self._queue = BatchScheduler(BatchingSettings(num_batch_threads=1)).queue(self._run)

    def check_shape(self, alias: str, shape: Any) -> None:
        """Accepts any size."""

    def run(self, inputs: Any, outputs: Any, context: Any) -> Any:
        return self._queue.answer(inputs, outputs, context)

    def wait_for(self, what: Callable[[list[BatchRequest]], bool]) -> None:
        """Waits until something is true of the requests in the queue."""
        pause, end = threading.Event(), time.monotonic() + 60
        while not what(list(self._queue.requests)):
            assert time.monotonic() < end
            pause.wait(0.005)

    def _run(self, inputs: Any, _outputs: Any) -> dict[str, Any]:
        self.seen += inputs["x"].tolist()
        self.entered.release()
        assert self.gate.wait(60)
        return {"x": inputs["x"]}


class Stuck(Echo):
    """An echo that runs until its gate is open, even if its caller has gone."""

    def run(self, inputs: Any, _outputs: Any, _caller: Any) -> Any:
        self.entered.release()
        assert self.gate.wait(120)
        return inputs


@contextmanager
def serving_echo(tmp_path: Path, echo: Echo, **settings: Any) -> Iterator[ModelServer]:
    """Serves it as the model `echo`."""
    (tmp_path / "echo" / "1").mkdir(parents=True, exist_ok=True)

    def load(name: str, version: int, _folder: Path) -> Any:
        return SimpleNamespace(
            name=name, version=version, signatures={"serving_default": echo}, definitions={"d": echo.definition}
        )

    model = ServedModel("echo", tmp_path / "echo")
    server = ModelServer(lambda: [model], ServerSettings(port=0, **settings), load=load)
    server.start()
    try:
        yield server
    finally:
        echo.gate.set()
        server.stop()
