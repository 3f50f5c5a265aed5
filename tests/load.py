"""Callers that keep a server busy and count what they get."""

from __future__ import annotations

import threading
from collections import Counter

import grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tfapp_client import codec

__all__ = ["CALLERS", "Load"]

CALLERS = 64


class Load:
    """Callers of `numbers` that ask as fast as they can, over a few connections, and count what they get.

    Args:
        address: The server's.
        label: What every second one asks for.
        callers: How many there are.

    Attributes:
        answers: How often each `y` of x = 0 came: in models of `write_numbers`, the version.
        lost: The errors of those that were not answered.
    """

    def __init__(self, address: str, label: str = "stable", callers: int = CALLERS) -> None:
        self.answers: Counter[float] = Counter()
        self.lost: list[str] = []
        self._done = threading.Event()
        self._lock = threading.Condition()
        # Channels of their own connections; gRPC shares one where the options are equal.
        self._channels = [
            grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1), ("n", n)]) for n in range(4)
        ]
        self._threads = [
            threading.Thread(target=self._ask, args=(self._channels[n % 4], label if n % 2 else ""))
            for n in range(callers)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        self.wait_for(len(self._threads))
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(60)
        for channel in self._channels:
            channel.close()

    def wait_for(self, count: int) -> None:
        """Waits until so many more requests are answered."""
        with self._lock:
            end = self.answers.total() + len(self.lost) + count
            assert self._lock.wait_for(lambda: self.answers.total() + len(self.lost) >= end, 120)

    def _ask(self, channel: grpc.Channel, label: str) -> None:
        call = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "numbers"
        if label:
            request.model_spec.version_label = label
        request.inputs["x"].ParseFromString(codec.encode([0.0]).SerializeToString())
        while not self._done.is_set():
            try:
                answer = codec.decode(call(request, timeout=60).outputs["y"]).item()
            except grpc.RpcError as error:
                with self._lock:
                    self.lost.append(f"{error.code()}: {error.details()}")
                    self._lock.notify_all()
            else:
                with self._lock:
                    self.answers[answer] += 1
                    self._lock.notify_all()
