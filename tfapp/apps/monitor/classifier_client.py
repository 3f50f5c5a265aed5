"""Classifies texts by served models, and waits while their server is away."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from tfapp_client import Client
from tfapp_client.errors import (
    AnswerError,
    CancelledError,
    ClientError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
    UnknownError,
)
from tfapp_client.results import Classification, Entity

from tfapp.apps.monitor.message import ClassifiedMessage, Mention, Message
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.shared.record_reader import RejectedRow
from tfapp.data.stored_texts import LONGEST_NAME
from tfapp.errors import ServerError

__all__ = ["ClassifierClient", "StopRequested"]

_log = logging.getLogger(__name__)

# What a server answers that is away or comes back; a model that is being loaded is not found.
_PASSES: Final = (UnavailableError, DeadlineExceededError, ResourceExhaustedError, NotFoundError, CancelledError)
# Other errors that a server has for a while; one that answers nothing but these is waited for, too.
_FAILS: Final = (InvalidArgumentError, InternalError, UnknownError)
# How often several texts, and one, are tried while the server answers others: what passes may hit them by chance.
_TRIES: Final = (1, 2)
_PASSING_TRIES: Final = (2, 6)
_EXCERPT: Final = 2000
_PROBE: Final = "All is well."
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)
_PROBE_MESSAGE: Final = Message("", "", datetime(2000, 1, 1, tzinfo=UTC), _PROBE)


class StopRequested(Exception):  # noqa: N818 - it is no error
    """Raised when the monitor is told to stop while it waits for a server."""


class ClassifierClient:
    """Asks the models for the topic, the sentiment and the entities of texts.

    Args:
        client: Asks the models.
        settings: Their names.
        stop: Ends a wait for the server.
        wait: Waits so many seconds, or until `stop`; says whether that is set. None: `stop` itself.
    """

    def __init__(
        self,
        client: Client,
        settings: MonitorSettings,
        stop: threading.Event,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._wait = wait or stop.wait

    def check(self) -> None:
        """Checks each model with one request.

        Raises:
            ServerError: One is not served, or is none of the kind that it should be.
        """
        for model in (self._settings.topic_model, self._settings.sentiment_model):
            self._probe(model, "classifier", lambda name: self._client.classify(name, [_PROBE]))
        if self._settings.tagger is not None:
            self._probe(self._settings.tagger, "tagger", lambda name: self._client.tag(name, [_PROBE]))

    def classify(self, messages: Sequence[Message]) -> list[ClassifiedMessage | RejectedRow]:
        """Classifies texts; one that cannot be classified, while the models answer others, is rejected.

        Returns:
            One a text, in order.

        Raises:
            StopRequested: It was told to stop while the server was away.
            ServerError: A model is none of the kind that it should be.
        """
        if not messages:
            return []
        answers = self._try(messages)
        if not isinstance(answers, Exception):
            return list(answers)
        if len(messages) > 1:
            half = len(messages) // 2
            return self.classify(messages[:half]) + self.classify(messages[half:])
        reason = " ".join(str(answers).split()) or type(answers).__name__
        return [RejectedRow(1, f"a model refuses it: {reason}"[:_EXCERPT], messages[0].text[:_EXCERPT])]

    def _try(self, messages: Sequence[Message]) -> list[ClassifiedMessage] | Exception:
        """Returns the answers, or the error that these texts cause; waits while the server answers nothing."""
        tries = 0
        while True:
            try:
                return self._ask(messages)
            except Exception as error:  # noqa: BLE001 - whatever one text causes, the others are classified
                problem = error
            self._wait_until_all_answer(problem)
            tries += 1
            passes = isinstance(problem, _PASSES)
            if tries >= (_PASSING_TRIES if passes else _TRIES)[len(messages) == 1]:
                return problem
            if passes:
                self._pause(tries, problem)

    def _ask(self, messages: Sequence[Message]) -> list[ClassifiedMessage]:
        texts = [message.text for message in messages]
        settings = self._settings
        topics = self._client.classify(settings.topic_model, texts)
        sentiments = self._client.classify(settings.sentiment_model, texts)
        spans: list[list[Entity]] = [[] for _ in texts]
        if settings.tagger is not None:
            spans = self._client.tag(settings.tagger, texts)
        return [
            ClassifiedMessage(
                message, _name(topic), _finite(topic), _name(sentiment), _finite(sentiment), _mentions(entities)
            )
            for message, topic, sentiment, entities in zip(messages, topics, sentiments, spans, strict=True)
        ]

    def _wait_until_all_answer(self, problem: Exception) -> None:
        """Returns when the models answer a text that does no harm.

        Raises:
            StopRequested: It was told to stop before.
            ServerError: A model is none of the kind that it should be, and the server is not merely away.
        """
        tries = 0
        while True:
            try:
                self._ask([_PROBE_MESSAGE])
            except (*_PASSES, *_FAILS) as error:
                if not tries:
                    _log.warning("the model server does not answer; the stream waits for it: %s", problem)
                tries += 1
                self._pause(tries, error)
            except ClientError as error:
                self.check()
                raise ServerError(f"the models cannot be used: {error}; check their names in the settings") from error
            else:
                return

    def _pause(self, tries: int, problem: Exception) -> None:
        if self._wait(_PAUSES[min(tries, len(_PAUSES)) - 1]):
            raise StopRequested from problem

    def _probe(self, model: str, kind: str, ask: Callable[[str], object]) -> None:
        try:
            ask(model)
        except NotFoundError as error:
            raise ServerError(f"{model}: this model is not served; check its name in the settings") from error
        except ClientError as error:
            raise ServerError(f"{model}: does not answer as a {kind}: {error}") from error


def _name(answer: Classification) -> str:
    return answer.label[:LONGEST_NAME]


def _finite(answer: Classification) -> float:
    if not math.isfinite(answer.score):
        raise AnswerError(f"the score for {answer.label!r:.60} is {answer.score}")
    return answer.score


def _mentions(entities: Sequence[Entity]) -> tuple[Mention, ...]:
    mentions = (
        Mention(entity.tag[:50], " ".join(entity.text.casefold().split())[:LONGEST_NAME]) for entity in entities
    )
    return tuple(dict.fromkeys(mention for mention in mentions if mention.text))
