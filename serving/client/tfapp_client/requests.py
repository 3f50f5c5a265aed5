# Generated from async_requests.py by serving/client/unasync.py, which `make format` runs: edit that file.
"""Sends a client's requests: within one deadline, to the version that a canary draws, large batches in parts."""

from __future__ import annotations

import random as random_numbers
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tfapp_client import classification, contract, messages
from tfapp_client.canary import Canary
from tfapp_client.connection import ConnectionSettings, Endpoint, TlsFiles, Token
from tfapp_client.deadline import CallDeadline, check_timeout
from tfapp_client.errors import DeadlineExceededError, InvalidArgumentError, NotFoundError, UnavailableError
from tfapp_client.parallel import gather_threads
from tfapp_client.request_messages import ModelSpec, predict_request, read_metadata, read_outputs, read_status
from tfapp_client.results import Classification, ModelMetadata, VersionStatus
from tfapp_client.splitting import Part, Splitting, check_rows
from tfapp_client.tasks import Columns, Outputs, check_outputs
from tfapp_client.transport import METADATA, PREDICT, STATUS, GrpcTransport, Method, Transport

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Requests"]

T = TypeVar("T")


class Requests:
    """The part of `Client` that sends requests and reads their answers."""

    def __init__(
        self,
        address: str | Sequence[str] = "localhost:8500",
        *,
        timeout: float = 30.0,
        tls: TlsFiles | None = None,
        token: Token | None = None,
        connection: ConnectionSettings | None = None,
        splitting: Splitting | None = None,
        canaries: Mapping[str, Canary] | None = None,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_numbers.random,
    ) -> None:
        """Makes a client of one server, or of several that answer alike.

        Args:
            address: "HOST:PORT" of the server's gRPC port, or "unix:PATH". The addresses of a DNS name take turns, and
                so do several IP addresses, in a list.
            timeout: Longest time that a call may take, in seconds, retries included.
            tls: Encrypts the connection; None: plain text.
            token: Sent with each call as a bearer token; a function is asked for it before each call.
            connection: Retries, keepalive, compression and the like.
            splitting: How large batches are split.
            canaries: Where calls go that ask for no version and no label, by model.
            transport: Takes the place of gRPC, in tests.
            clock: Tells the time, in seconds.
            sleep: Waits for some seconds, between two questions of `wait_until_ready`.
            random: Gives numbers in [0, 1), for the canaries.

        Raises:
            TypeError: The timeout is no number.
            ValueError: The address is none, or the settings do not go together.
            OSError: A TLS file cannot be read.
        """
        if check_timeout(timeout) <= 0:
            raise ValueError(f"timeout must be over 0 seconds, got {timeout}")
        if transport is None:
            transport = GrpcTransport(Endpoint(address, tls=tls, token=token, settings=connection))
        self._transport: Transport = transport
        self._timeout = timeout
        self._splitting = splitting or Splitting()
        self._canaries = dict(canaries or {})
        self._layouts = classification.ClassifierLayouts()
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; a later call raises a ValueError."""
        self._closed = True
        self._transport.close()

    def _deadline(self, timeout: float | None) -> CallDeadline:
        if self._closed:
            raise ValueError("this client is closed; make a new one")
        return CallDeadline(self._timeout if timeout is None else timeout, self._clock)

    def _send(self, method: Method, request: Any, deadline: CallDeadline) -> Any:
        return self._transport.call(method, request, deadline.seconds_left())

    def _predict(
        self,
        model_spec: ModelSpec,
        inputs: Mapping[str, Any],
        signature: str,
        outputs: Sequence[str] | None,
        deadline: CallDeadline,
    ) -> Part[dict[str, NDArray[Any]]]:
        return read_outputs(self._send(PREDICT, predict_request(model_spec, inputs, signature, outputs), deadline))

    def _predict_rows(
        self,
        signature: str,
        outputs: Sequence[str] | None,
        model_spec: ModelSpec,
        arrays: Mapping[str, NDArray[Any]],
        deadline: CallDeadline,
    ) -> Part[dict[str, NDArray[Any]]]:
        part = self._predict(model_spec, arrays, signature, outputs, deadline)
        check_rows(part.value, len(next(iter(arrays.values()))))
        return part

    def _predict_task(
        self,
        task: contract.Task,
        reader: Callable[[Columns, Outputs], T],
        model_spec: ModelSpec,
        columns: Columns,
        deadline: CallDeadline,
    ) -> Part[T]:
        part = self._predict(model_spec, columns, contract.DEFAULT_SIGNATURE, None, deadline)
        check_outputs(model_spec.model, task, part.value, _count(columns))
        return Part(part.version, reader(columns, part.value))

    def _predict_classes(
        self, task: contract.Task, model_spec: ModelSpec, columns: Columns, deadline: CallDeadline
    ) -> Part[list[Classification]]:
        """Asks a classifier; asks for its labels only once a version, as they may be longer than all other outputs."""
        layout = self._layouts.guess(model_spec)
        if layout is not None:
            # A newer version may lack an output that the last one had. If the texts are at fault, asking again says so.
            with suppress(InvalidArgumentError):
                part = self._predict(model_spec, columns, contract.DEFAULT_SIGNATURE, layout.outputs, deadline)
                if self._layouts.fits(layout, model_spec, part.version):
                    return Part(part.version, layout.read(part.value, _count(columns)))
        part = self._predict(model_spec, columns, contract.DEFAULT_SIGNATURE, None, deadline)
        check_outputs(model_spec.model, task, part.value, _count(columns))
        layout = classification.ClassifierLayout.of(part.value)
        self._layouts.add(layout, model_spec, part.version)
        return Part(part.version, layout.read(part.value, _count(columns)))

    def _ask(
        self,
        model_spec: ModelSpec,
        columns: Columns,
        timeout: float | None,
        predict: Callable[[ModelSpec, Columns, CallDeadline], Part[T]],
    ) -> list[T]:
        """Asks for the answers to rows, in parts if there are many; no rows need no request."""
        deadline = self._deadline(timeout)
        count = _count(columns)
        if not count:
            return []

        def ask_some(spec: ModelSpec, rows: slice) -> Part[T]:
            return predict(spec, {name: column[rows] for name, column in columns.items()}, deadline)

        return self._route(model_spec, lambda route: self._in_parts(route, count, ask_some))

    def _in_parts(self, model_spec: ModelSpec, count: int, ask: Callable[[ModelSpec, slice], Part[T]]) -> list[T]:
        """Asks for rows in parts, all answered by one version.

        Where a swap came between them, those that the older version answered are asked again.
        """
        slices = self._splitting.slices(count)
        if len(slices) == 1:
            return [(ask(model_spec, slices[0])).value]
        parts = gather_threads([partial(ask, model_spec, rows) for rows in slices], self._splitting.parallel)
        newest = max(part.version for part in parts)
        outdated_parts = [index for index, part in enumerate(parts) if part.version != newest]
        if outdated_parts:
            newest_spec = replace(model_spec, version=newest, label=None)
            calls = [partial(ask, newest_spec, slices[index]) for index in outdated_parts]
            answers = gather_threads(calls, self._splitting.parallel)
            for index, part in zip(outdated_parts, answers, strict=True):
                parts[index] = part
        return [part.value for part in parts]

    def _route(self, model_spec: ModelSpec, ask: Callable[[ModelSpec], T]) -> T:
        """Asks the version that the call names, or the one that the model's canary draws."""
        canary = self._canaries.get(model_spec.model)
        if canary is None or model_spec.version is not None or model_spec.label is not None:
            return ask(model_spec)
        if self._random() < canary.share:
            try:
                return ask(ModelSpec(model_spec.model, label=canary.label))
            except (InvalidArgumentError, NotFoundError) as error:
                if not canary.is_gone(error):
                    raise
        return ask(ModelSpec(model_spec.model, label=canary.otherwise))

    def _wait_until_ready(self, model_spec: ModelSpec, deadline: CallDeadline, interval: float) -> None:
        problem = "nothing was heard of it"
        try:
            while problem:
                problem = self._readiness_problem(model_spec, deadline)
                if problem:
                    self._sleep(min(interval, deadline.seconds_left()))
        except DeadlineExceededError as error:
            reason = f"model {model_spec.model} is not ready: {problem}; {error.details}"
            raise DeadlineExceededError(reason) from error

    def _readiness_problem(self, model_spec: ModelSpec, deadline: CallDeadline) -> str:
        """Returns why a model is not ready; "" if it is."""
        try:
            if model_spec.label is not None:
                # GetModelStatus takes no notice of labels.
                self._metadata(model_spec, deadline)
                return ""
            versions = self._status(model_spec, deadline)
        except (NotFoundError, UnavailableError) as error:
            return str(error)
        except InvalidArgumentError as error:
            if model_spec.label is None or model_spec.label not in error.details:
                raise
            return str(error)
        if any(version.available for version in versions):
            return ""
        return (
            ", ".join(f"version {v.version} is {v.state} {v.error}".rstrip() for v in versions) or "it has no version"
        )

    def _status(self, model_spec: ModelSpec, deadline: CallDeadline) -> list[VersionStatus]:
        request = model_spec.write(messages.GetModelStatusRequest())
        return read_status(self._send(STATUS, request, deadline))

    def _metadata(self, model_spec: ModelSpec, deadline: CallDeadline) -> ModelMetadata:
        request = model_spec.write(messages.GetModelMetadataRequest(metadata_field=["signature_def"]))
        return read_metadata(model_spec.model, self._send(METADATA, request, deadline))


def _count(columns: Columns) -> int:
    return len(next(iter(columns.values())))
