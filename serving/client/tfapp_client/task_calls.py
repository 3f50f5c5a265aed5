# Generated from async_task_calls.py by serving/client/unasync.py, which `make format` runs: edit that file.
"""The calls of each task."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tfapp_client import contract, tasks
from tfapp_client.request_messages import ModelSpec
from tfapp_client.requests import Requests

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tfapp_client.results import Answer, Classification, Entity, Ranked

__all__ = ["TaskCalls"]


class TaskCalls(Requests):
    """The part of `Client` with a typed call for each task of the contract."""

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
            One answer per text, in order.

        Raises:
            StatusError: The server refused or could not be reached; its class says which.
            AnswerError: The model is no classifier by the contract.
            TypeError: `texts` is a single str, or holds anything other than str.
            ValueError: A text is no valid Unicode, both version and label are given, or the client is closed.
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
        """Classifies pairs of texts with a pair classification model.

        Args:
            model: The model's name on the server.
            pairs: Any number of pairs (query, candidate).
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One answer per pair, in order.

        Raises:
            AnswerError: The model is no pair classifier by the contract.
            TypeError: `pairs` holds something else than pairs of str.
            StatusError, ValueError: As in `classify`.
        """
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
        """Finds the spans in texts with a tagging model.

        Args:
            model: The model's name on the server.
            texts: Any number of texts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One list of spans per text, in the model's order; empty where it found none. Positions are indices into the
            text as it was sent.

        Raises:
            AnswerError: The model is no tagger by the contract.
            StatusError, TypeError, ValueError: As in `classify`.
        """
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
        """Orders candidates by how well they fit a query, with a ranking model.

        Args:
            model: The model's name on the server.
            query: The text that all candidates are scored for.
            candidates: Any number of texts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            All candidates, best first; those of equal scores in the order in which they were sent.

        Raises:
            AnswerError: The model is no ranking model by the contract.
            TypeError: `query` is no str, or `candidates` is a single str or holds anything other than str.
            StatusError, ValueError: As in `classify`.
        """
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
        """Scores pairs of texts with a ranking model.

        Args:
            model: The model's name on the server.
            pairs: Any number of pairs (query, candidate).
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One score per pair, in order, of float32's precision; more is better.

        Raises:
            AnswerError: The model is no ranking model by the contract.
            StatusError, TypeError, ValueError: As in `classify_pairs`.
        """
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
        """Predicts a number for each text with a regression model.

        Args:
            model: The model's name on the server.
            texts: Any number of texts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One number per text, in order, of float32's precision and in the unit that the model learnt.

        Raises:
            AnswerError: The model is no regression model by the contract.
            StatusError, TypeError, ValueError: As in `classify`.
        """
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
        """Predicts a number for each pair of texts with a pair regression model.

        Args:
            model: The model's name on the server.
            pairs: Any number of pairs (query, candidate).
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One number per pair, in order, as of `regress`.

        Raises:
            AnswerError: The model has other outputs than a pair regression model, by the contract.
            StatusError, TypeError, ValueError: As in `classify_pairs`.
        """
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
        """Answers questions, each from its context, with an answering model.

        Args:
            model: The model's name on the server.
            pairs: Any number of pairs (question, context).
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            One answer per pair, in order; where the context does not answer, its text is empty and its positions -1.

        Raises:
            AnswerError: The model is no answering model by the contract.
            StatusError, TypeError, ValueError: As in `classify_pairs`.
        """
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
        """Embeds texts as vectors of length 1 with an embedding model.

        Args:
            model: The model's name on the server.
            texts: Any number of texts.
            version: Ask this version; None: what `label` says, or the newest.
            label: Ask the version that carries this label.
            timeout: Longest time, in seconds; None: the client's.

        Returns:
            float32 of shape (texts, width), one vector per text, in order; (0, 0) without texts, as nothing is asked.

        Raises:
            AnswerError: The model is no embedding model by the contract.
            StatusError, TypeError, ValueError: As in `classify`.
        """
        columns = tasks.text_column(contract.EMBEDDING, texts)
        predict = partial(self._predict_task, contract.EMBEDDING, tasks.read_vectors)
        parts = self._ask(ModelSpec(model, version, label), columns, timeout, predict)
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
