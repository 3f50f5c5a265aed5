"""Fake servers in a few lines, for the tests of those who use the client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import grpc
import numpy as np

from tfapp_client import codec, contract, messages
from tfapp_client.errors import status_error
from tfapp_client.results import Answer, Entity
from tfapp_client.transport import HEALTH, PREDICT, STATUS, Method

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["AsyncFakeTransport", "FakeTransport", "SentRequest"]

FakeOutputs: TypeAlias = "Mapping[str, ArrayLike]"
PredictFunction: TypeAlias = "Callable[[dict[str, NDArray[Any]]], FakeOutputs]"
_AVAILABLE_STATE = 30


class SentRequest(NamedTuple):
    """A request that a fake received: the call, the message, and its timeout in seconds."""

    method: Method
    request: Any
    timeout: float


class _FakeServer:
    """A server of models that are Python functions.

    It answers Predict and GetModelStatus for its models, and Check; `requests` holds what was sent. Where a request
    names no version, the one that was added last answers.
    """

    def __init__(self) -> None:
        self.requests: list[SentRequest] = []
        self.closed = False
        self._models: dict[str, dict[int, PredictFunction]] = {}
        self._labels: dict[tuple[str, str], int] = {}
        self._failures: list[tuple[grpc.StatusCode, str]] = []

    def model(self, name: str, predictor: PredictFunction, *, version: int = 1, label: str | None = None) -> Self:
        """Serves a function of arrays as a version of a model, with a label or without."""
        versions = self._models.setdefault(name, {})
        versions.pop(version, None)
        versions[version] = predictor
        if label is not None:
            self._labels[name, label] = version
        return self

    def classifier(
        self,
        name: str,
        probabilities: Callable[[str], Mapping[str, float]],
        *,
        version: int = 1,
        label: str | None = None,
    ) -> Self:
        """Serves a classifier by the contract, from a function that gives the probabilities of one text."""
        return self.model(name, _rowwise(_classes, probabilities), version=version, label=label)

    def pair_classifier(
        self,
        name: str,
        probabilities: Callable[[str, str], Mapping[str, float]],
        *,
        version: int = 1,
        label: str | None = None,
    ) -> Self:
        """Serves a classifier of pairs, from a function of a query and a candidate."""
        return self.model(name, _rowwise(_classes, probabilities), version=version, label=label)

    def tagger(
        self, name: str, entities: Callable[[str], Sequence[Entity]], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves a tagger, from a function that gives the spans of one text."""
        return self.model(name, _rowwise(_spans, entities), version=version, label=label)

    def ranker(
        self, name: str, score: Callable[[str, str], float], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves a ranking model, from a function that scores a query and a candidate."""
        return self.model(name, _rowwise(_scores, score), version=version, label=label)

    def regressor(
        self, name: str, score: Callable[[str], float], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves a regression model, from a function that scores one text."""
        return self.model(name, _rowwise(_scores, score), version=version, label=label)

    def pair_regressor(
        self, name: str, score: Callable[[str, str], float], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves a pair regression model, from a function that scores a query and a candidate."""
        return self.model(name, _rowwise(_scores, score), version=version, label=label)

    def answerer(
        self, name: str, answer: Callable[[str, str], Answer], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves an answering model, from a function of a question and a context."""
        return self.model(name, _rowwise(_answers, answer), version=version, label=label)

    def embedder(
        self, name: str, vector: Callable[[str], Sequence[float]], *, version: int = 1, label: str | None = None
    ) -> Self:
        """Serves an embedding model, from a function that gives the vector of one text."""
        return self.model(name, _rowwise(_vectors, vector), version=version, label=label)

    def fail(self, code: grpc.StatusCode, details: str = "") -> Self:
        """Lets the next call fail."""
        self._failures.append((code, details))
        return self

    def _take(self, method: Method, request: Any, timeout: float) -> Any:
        self.requests.append(SentRequest(method, request, timeout))
        if self._failures:
            raise status_error(*self._failures.pop(0), method.path)
        if method == HEALTH:
            return messages.HealthCheckResponse(status=messages.SERVING)
        if method == STATUS:
            return self._status(request.model_spec)
        if method == PREDICT:
            return self._predict(request)
        raise status_error(grpc.StatusCode.UNIMPLEMENTED, "the fake does not know this call", method.path)

    def _status(self, spec: Any) -> Any:
        if spec.name not in self._models:
            raise status_error(grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {spec.name}")
        answer = messages.GetModelStatusResponse()
        for version in self._models[spec.name]:
            answer.model_version_status.add(version=version, state=_AVAILABLE_STATE)
        return answer

    def _predict(self, request: Any) -> Any:
        version = self._version(request.model_spec)
        predictor = self._models[request.model_spec.name][version]
        outputs = predictor({name: codec.decode(tensor) for name, tensor in request.inputs.items()})
        answer = messages.PredictResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.signature_name = request.model_spec.signature_name
        answer.model_spec.version.value = version
        for name in request.output_filter or outputs:
            if name not in outputs:
                raise status_error(grpc.StatusCode.INVALID_ARGUMENT, f"output tensor alias not found: {name}")
            codec.write(answer.outputs[name], outputs[name])
        return answer

    def _version(self, spec: Any) -> int:
        versions = self._models.get(spec.name)
        choice = spec.WhichOneof("version_choice")
        if versions is None:
            raise status_error(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({spec.name})")
        if choice is None:
            return next(reversed(versions))
        if choice == "version_label" and (spec.name, spec.version_label) not in self._labels:
            text = f"Unrecognized servable version label: {spec.version_label}"
            raise status_error(grpc.StatusCode.INVALID_ARGUMENT, text)
        version = spec.version.value if choice == "version" else self._labels[spec.name, spec.version_label]
        if version not in versions:
            text = f"Servable not found for request: Specific({spec.name}, {version})"
            raise status_error(grpc.StatusCode.NOT_FOUND, text)
        return int(version)


class FakeTransport(_FakeServer):
    """Answers calls from Python functions, without a network: give it to `Client(transport=...)`.

    Example:
        >>> from tfapp_client import Client
        >>> fake = FakeTransport().model("double", lambda inputs: {"y": inputs["x"] * 2})
        >>> Client(transport=fake).predict("double", {"x": [1.5]})["y"].tolist()
        [3.0]
    """

    def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Answers a request by a function, as `Transport.call` says."""
        return self._take(method, request, timeout)

    def close(self) -> None:
        """Records in `closed` that the client was closed."""
        self.closed = True


class AsyncFakeTransport(_FakeServer):
    """Answers calls from Python functions, for `AsyncClient(transport=...)`."""

    async def call(self, method: Method, request: Any, timeout: float) -> Any:
        """Answers a request by a function, as `Transport.call` says."""
        return self._take(method, request, timeout)

    async def close(self) -> None:
        """Records in `closed` that the client was closed."""
        self.closed = True


def _rowwise(outputs: Callable[[list[Any]], FakeOutputs], predict_row: Callable[..., Any]) -> PredictFunction:
    """Makes a function of arrays from a function of one row's texts."""
    order = [spec.name for task in contract.TASKS.values() for spec in task.inputs]

    def predictor(inputs: dict[str, NDArray[Any]]) -> FakeOutputs:
        columns = [codec.decode_text(inputs[name]) for name in sorted(inputs, key=order.index)]
        return outputs([predict_row(*row) for row in zip(*columns, strict=True)])

    return predictor


def _texts(items: Any) -> NDArray[Any]:
    return np.array(items, dtype=object)


def _classes(rows: list[Mapping[str, float]]) -> FakeOutputs:
    winners = [max(row, key=row.__getitem__) for row in rows]
    return {
        "label": _texts(winners),
        "score": np.array([row[winner] for row, winner in zip(rows, winners, strict=True)], dtype=np.float32),
        "probabilities": np.array([list(row.values()) for row in rows], dtype=np.float32),
        "labels": _texts([list(row) for row in rows]),
    }


def _spans(rows: list[Sequence[Entity]]) -> FakeOutputs:
    width = max(map(len, rows))
    padding = Entity("", "", -1, -1, 0.0)
    padded_rows = [[*row, *[padding] * (width - len(row))] for row in rows]
    shape = (len(rows), width)
    return {
        "tag": _texts([[item.tag for item in row] for row in padded_rows]).reshape(shape),
        "start": np.array([[item.start for item in row] for row in padded_rows], dtype=np.int32),
        "end": np.array([[item.end for item in row] for row in padded_rows], dtype=np.int32),
        "score": np.array([[item.score for item in row] for row in padded_rows], dtype=np.float32),
    }


def _scores(rows: list[float]) -> FakeOutputs:
    return {"score": np.array(rows, dtype=np.float32)}


def _answers(rows: list[Answer]) -> FakeOutputs:
    return {
        "answer": _texts([row.text for row in rows]),
        "start": np.array([row.start for row in rows], dtype=np.int32),
        "end": np.array([row.end for row in rows], dtype=np.int32),
        "score": np.array([row.score for row in rows], dtype=np.float32),
    }


def _vectors(rows: list[Sequence[float]]) -> FakeOutputs:
    return {"embedding": np.array(rows, dtype=np.float32)}
