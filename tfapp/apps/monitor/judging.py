"""Has texts judged by served models, and waits where their server is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tfapp_client import Client
from tfapp_client.errors import (
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

from tfapp.apps.monitor.message import Judged, Mention, Message
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.records import SetAside
from tfapp.apps.texts import LONGEST_NAME
from tfapp.errors import ServerError

__all__ = ["Judge", "Stopped"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

# What a server answers that is away or comes back; a model that is being loaded is not found.
_PASSES: Final = (UnavailableError, DeadlineExceededError, ResourceExhaustedError, NotFoundError, CancelledError)
# What a text may be to blame for, or the server.
_REFUSED: Final = (InvalidArgumentError, InternalError, UnknownError)
_PROBE: Final = "All is well."
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)


class Stopped(Exception):  # noqa: N818 - it is no error
    """The monitor is told to stop while it waits for a server."""


class Judge:
    """Asks for topic, sentiment and entities.

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
        """Asks each model once.

        Raises:
            ServerError: One is not served, or is none of the kind that it should be.
        """
        for model in (self._settings.topic_model, self._settings.sentiment_model):
            self._probe(model, "classifier", lambda name: self._client.classify(name, [_PROBE]))
        if self._settings.tagger is not None:
            self._probe(self._settings.tagger, "tagger", lambda name: self._client.tag(name, [_PROBE]))

    def judge(self, messages: Sequence[Message]) -> list[Judged | SetAside]:
        """Judges texts; one that a model refuses, while it answers others, is set aside.

        Args:
            messages: Any number.

        Returns:
            One a text, in order.

        Raises:
            Stopped: It was told to stop while the server was away.
            ServerError: A model is none of the kind that it should be.
        """
        if not messages:
            return []
        try:
            return list(self._ask(messages))
        except _REFUSED as error:
            if len(messages) > 1:
                half = len(messages) // 2
                return self.judge(messages[:half]) + self.judge(messages[half:])
            # If the models refuse everything, no text is to blame.
            self._until_it_answers(self._all_answer)
            return [SetAside(1, f"a model refuses it: {' '.join(str(error).split())}", messages[0].text[:2000])]
        except ClientError as error:
            raise ServerError(f"the models cannot be used: {error}; check their names in the settings") from error

    def _ask(self, messages: Sequence[Message]) -> list[Judged]:
        texts = [message.text for message in messages]
        settings, tagger = self._settings, self._settings.tagger
        topics = self._until_it_answers(lambda: self._client.classify(settings.topic_model, texts))
        sentiments = self._until_it_answers(lambda: self._client.classify(settings.sentiment_model, texts))
        spans: list[list[Entity]] = [[] for _ in texts]
        if tagger is not None:
            spans = self._until_it_answers(lambda: self._client.tag(tagger, texts))
        return [
            Judged(message, _name(topic), topic.score, _name(sentiment), sentiment.score, _mentions(found))
            for message, topic, sentiment, found in zip(messages, topics, sentiments, spans, strict=True)
        ]

    def _until_it_answers(self, call: Callable[[], T]) -> T:
        tries = 0
        while True:
            try:
                return call()
            except _PASSES as error:
                if not tries:
                    _log.warning("the model server does not answer; the stream waits for it: %s", error)
                pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                tries += 1
                if self._wait(pause):
                    raise Stopped from error

    def _all_answer(self) -> None:
        try:
            self.check()
        except ServerError as error:
            raise UnavailableError(str(error)) from error

    def _probe(self, model: str, kind: str, ask: Callable[[str], object]) -> None:
        try:
            ask(model)
        except NotFoundError as error:
            raise ServerError(f"{model}: this model is not served; check its name in the settings") from error
        except ClientError as error:
            raise ServerError(f"{model}: does not answer as a {kind}: {error}") from error


def _name(answer: Classification) -> str:
    return answer.label[:LONGEST_NAME]


def _mentions(entities: Sequence[Entity]) -> tuple[Mention, ...]:
    found = (Mention(entity.tag[:50], " ".join(entity.text.casefold().split())[:LONGEST_NAME]) for entity in entities)
    return tuple(dict.fromkeys(mention for mention in found if mention.text))
