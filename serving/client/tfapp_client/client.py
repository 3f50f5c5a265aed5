# Generated from async_client.py by serving/client/unasync.py, which `make format` runs: edit that file.
"""The client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from tfapp_client import contract, messages, tasks
from tfapp_client.request_messages import ModelSpec
from tfapp_client.requests import Requests
from tfapp_client.splitting import as_batch, concatenate
from tfapp_client.transport import HEALTH

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tfapp_client.results import Answer, Classification, Entity, ModelMetadata, Ranked, VersionStatus

__all__ = ["Client"]


class Client(Requests):
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

    def classify(
        self,
        model: str,
        texts: Sequence[str],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[Classification]:
        """Classifies texts with a classification model.

        Args:
            model: The model's name on the server.
            texts: Any number of texts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One answer a text, in order.

        Raises:
            StatusError: The server refused or could not be reached; its class says which.
            AnswerError: The model is no classifier by the contract.
            TypeError: `texts` is a single str, or holds something else than str.
        """
        columns = tasks.text_column(contract.CLASSIFICATION, texts)
        predict = partial(self._predict_classes, contract.CLASSIFICATION)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def classify_pairs(
        self,
        model: str,
        pairs: Sequence[tuple[str, str]],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[Classification]:
        """Classifies pairs of texts (query, candidate) with a pair classification model; one answer a pair."""
        columns = tasks.pair_columns(contract.PAIR_CLASSIFICATION, pairs)
        predict = partial(self._predict_classes, contract.PAIR_CLASSIFICATION)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def tag(
        self,
        model: str,
        texts: Sequence[str],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[list[Entity]]:
        """Finds spans with a tagging model; one list a text, spans in the model's order."""
        columns = tasks.text_column(contract.TAGGING, texts)
        predict = partial(self._predict_task, contract.TAGGING, tasks.read_entities)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def rank(
        self,
        model: str,
        query: str,
        candidates: Sequence[str],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[Ranked]:
        """Orders candidates by how well they fit a query, best first, with a ranking model."""
        columns = tasks.rank_columns(query, candidates)
        predict = partial(self._predict_task, contract.RANKING, tasks.read_scores)
        scores = chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict))
        return tasks.rank(columns["candidate"], list(scores))

    def score(
        self,
        model: str,
        pairs: Sequence[tuple[str, str]],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[float]:
        """Scores pairs of texts (query, candidate) with a ranking model; one number a pair."""
        columns = tasks.pair_columns(contract.RANKING, pairs)
        predict = partial(self._predict_task, contract.RANKING, tasks.read_scores)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def regress(
        self,
        model: str,
        texts: Sequence[str],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[float]:
        """Predicts a number for each text with a regression model."""
        columns = tasks.text_column(contract.REGRESSION, texts)
        predict = partial(self._predict_task, contract.REGRESSION, tasks.read_scores)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def regress_pairs(
        self,
        model: str,
        pairs: Sequence[tuple[str, str]],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[float]:
        """Predicts a number for each pair of texts (query, candidate) with a pair regression model."""
        columns = tasks.pair_columns(contract.PAIR_REGRESSION, pairs)
        predict = partial(self._predict_task, contract.PAIR_REGRESSION, tasks.read_scores)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def answer(
        self,
        model: str,
        pairs: Sequence[tuple[str, str]],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> list[Answer]:
        """Answers questions, each from its context, with an answering model; `pairs` are (question, context)."""
        columns = tasks.pair_columns(contract.ANSWERING, pairs)
        predict = partial(self._predict_task, contract.ANSWERING, tasks.read_answers)
        return list(chain(*self._ask(ModelSpec(model, version, label), columns, timeout, predict)))

    def embed(
        self,
        model: str,
        texts: Sequence[str],
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> NDArray[np.float32]:
        """Embeds texts as vectors of length 1 with an embedding model: float32, shape (texts, width)."""
        columns = tasks.text_column(contract.EMBEDDING, texts)
        predict = partial(self._predict_task, contract.EMBEDDING, tasks.read_vectors)
        parts = self._ask(ModelSpec(model, version, label), columns, timeout, predict)
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)

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
            split: The first dimension of every input and output is the batch, so a large one may be split.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            The outputs by name. Strings come as object arrays of bytes.

        Raises:
            StatusError: The server refused or could not be reached; its class says which.
            AnswerError: An output cannot be read.
            TypeError: An input is of a dtype that TensorFlow does not have.
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
        """Returns the states of a model's versions, newest first.

        Raises:
            NotFoundError: The server knows no such model or version.
            StatusError: The call failed otherwise.
        """
        return self._status(ModelSpec(model, version), self._deadline(timeout))

    def metadata(
        self, model: str, *, version: int | None = None, label: str | None = None, timeout: float | None = None
    ) -> ModelMetadata:
        """Returns a model's signatures, with names, dtypes and shapes of their tensors.

        Raises:
            NotFoundError: The server has no such model or version.
            StatusError: The call failed otherwise.
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
