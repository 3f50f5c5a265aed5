# Generated from async_client.py by serving/client/unasync.py, which `make format` runs: edit that file.
"""The client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tfapp_client import contract, messages
from tfapp_client.request_messages import ModelSpec
from tfapp_client.splitting import as_batch, concatenate
from tfapp_client.task_calls import TaskCalls
from tfapp_client.transport import HEALTH

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tfapp_client.results import ModelMetadata, VersionStatus

__all__ = ["Client"]


class Client(TaskCalls):
    """Calls models and waits for their answers.

    These hold for all calls: `model` is the model's name on the server. `version` asks that version, `label` the
    version that carries it; without either, the newest answers, or what the client's canaries say. `timeout` is the
    longest time that the call may take, retries included, in seconds; None: the client's. A server that cannot be
    reached, or that is full, is tried again a few times with growing pauses within that time; no other failure is.

    A failed call raises a `StatusError`, whose class says why; an answer that is not what the contract says, an
    `AnswerError`; a wrong argument, a TypeError or a ValueError, before anything is sent. No rows: no request is made.
    A client is safe to share between threads.

    Example:
        >>> from tfapp_client.testing import FakeTransport
        >>> server = FakeTransport().classifier("news", lambda text: {"sport": 0.9, "tech": 0.1})
        >>> with Client(transport=server) as client:
        ...     client.classify("news", ["England win"])[0].label
        'sport'
    """

    def predict(
        self,
        model: str,
        inputs: Mapping[str, ArrayLike],
        signature: str = contract.DEFAULT_SIGNATURE,
        outputs: Sequence[str] | None = None,
        *,
        split: bool = False,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Calls any signature of any model.

        Args:
            model: The model's name on the server.
            inputs: Arrays, or nested lists, by the names of the signature's inputs.
            signature: The signature's name.
            outputs: Names of the outputs to answer; None: all.
            split: The first dimension of every input and output is the batch, so a large one may be sent in parts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            The outputs by name, of the signature's dtypes and shapes. Strings come as object arrays of bytes.

        Raises:
            StatusError: The server refused or could not be reached; its class says which.
            AnswerError: An output cannot be read, or, with `split`, has not one row for each that was sent.
            TypeError: An input is of a dtype that TensorFlow does not have, or `outputs` is a single str.
            ValueError: With `split`, the inputs have different numbers of rows; or as in `classify`.
        """
        model_spec = ModelSpec(model, version, label)
        if split:
            arrays = as_batch(inputs)
            if len(self._splitting.slices(len(next(iter(arrays.values()))))) > 1:
                predict = partial(self._predict_rows, signature, outputs)
                parts = self._ask(model_spec, arrays, timeout, predict)
                return concatenate(parts)
            inputs = arrays
        deadline = self._deadline(timeout)
        part = self._route(model_spec, lambda route: self._predict(route, inputs, signature, outputs, deadline))
        return part.value

    def status(self, model: str, *, version: int | None = None, timeout: float | None = None) -> list[VersionStatus]:
        """Returns the states of a model's versions.

        Args:
            model: The model's name on the server.
            version: Ask for this version alone; None: for all.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One state a version, newest first; versions that ended may be among them.

        Raises:
            NotFoundError: The server knows no such model or version.
            StatusError: The call failed otherwise.
        """
        return self._status(ModelSpec(model, version), self._deadline(timeout))

    def metadata(
        self, model: str, *, version: int | None = None, label: str | None = None, timeout: float | None = None
    ) -> ModelMetadata:
        """Returns a model's signatures, with names, dtypes and shapes of their tensors.

        Args:
            model: The model's name on the server.
            version: Ask for this version; None: what `label` says, or the newest.
            label: Ask for the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Raises:
            NotFoundError: The server has no such model or version.
            StatusError: The call failed otherwise.
            AnswerError: The server's signatures cannot be read.
            ValueError: Both version and label are given.
        """
        return self._metadata(ModelSpec(model, version, label), self._deadline(timeout))

    def health(self, service: str = "", *, timeout: float | None = None) -> bool:
        """Returns whether the server takes requests.

        Args:
            service: "" for the whole server, or "PredictionService" or "ModelService".
            timeout: Longest time, in seconds; None: the client's.

        Raises:
            UnimplementedError: The server runs without its health service.
            StatusError: The call failed otherwise.
        """
        request = messages.HealthCheckRequest(service=service)
        response = self._send(HEALTH, request, self._deadline(timeout))
        return bool(response.status == messages.SERVING)

    def wait_until_ready(
        self,
        model: str,
        timeout: float = 60.0,
        *,
        version: int | None = None,
        label: str | None = None,
        interval: float = 0.2,
    ) -> None:
        """Waits until the server is up and a version of the model is available.

        Args:
            model: The model's name on the server.
            timeout: Longest time to wait, in seconds.
            version: Wait for this version; None: for any.
            label: Wait for a version that carries this label.
            interval: Time between two questions, in seconds.

        Raises:
            DeadlineExceededError: It took longer; the message says what was missing.
        """
        self._wait_until_ready(ModelSpec(model, version, label), self._deadline(timeout), interval)
