"""Has texts judged by served models, and waits where their server is away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from tfapp_client import Client
from tfapp_client.errors import (
    CancelledError,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
    UnknownError,
)
from tfapp_client.results import Entity

from tfapp.apps.monitor.message import Judged, Mention, Message
from tfapp.apps.monitor.settings import MonitorSettings
from tfapp.apps.records import SetAside
from tfapp.apps.texts import LONGEST_NAME

__all__ = ["Judge", "Stopped"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

# What a server that comes back answers otherwise; a model that is being loaded is not found.
_PASSES: Final = (UnavailableError, DeadlineExceededError, ResourceExhaustedError, NotFoundError, CancelledError)
# What a text may be to blame for.
_REFUSED: Final = (InvalidArgumentError, InternalError, UnknownError)
_PAUSES: Final = (0.5, 1.0, 2.0, 5.0)


class Stopped(Exception):  # noqa: N818 - it is no error
    """The monitor is told to stop while it waits for a server."""


class Judge:
    """Asks for topic, sentiment and entities.

    Args:
        client: Asks the models.
        settings: Their names.
        stop: Ends a wait for the server.
        wait: Waits so many seconds, or until `stop`; says whether that is set.
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
        self._stop = stop
        self._wait = wait or stop.wait

    def judge(self, messages: Sequence[Message]) -> list[Judged | SetAside]:
        """Judges texts; one that a model refuses is set aside.

        Args:
            messages: Any number.

        Returns:
            One a text, in order.

        Raises:
            Stopped: `stop` was set while the server was away.
            ClientError: The models are none of the kind that they should be.
        """
        if not messages:
            return []
        try:
            return list(self._ask(messages))
        except _REFUSED as error:
            if len(messages) == 1:
                return [SetAside(1, f"the models refuse it: {error}", messages[0].text[:2000])]
            half = len(messages) // 2
            return self.judge(messages[:half]) + self.judge(messages[half:])

    def _ask(self, messages: Sequence[Message]) -> list[Judged]:
        texts = [message.text for message in messages]
        topics = self._until_it_answers(lambda: self._client.classify(self._settings.topic_model, texts))
        sentiments = self._until_it_answers(lambda: self._client.classify(self._settings.sentiment_model, texts))
        tagger = self._settings.tagger
        spans: list[list[Entity]] = [[] for _ in texts]
        if tagger is not None:
            spans = self._until_it_answers(lambda: self._client.tag(tagger, texts))
        return [
            Judged(message, topic.label, topic.score, sentiment.label, sentiment.score, _mentions(found))
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


def _mentions(entities: Sequence[Entity]) -> tuple[Mention, ...]:
    found = (Mention(entity.tag, " ".join(entity.text.casefold().split())) for entity in entities)
    return tuple(dict.fromkeys(Mention(one.tag[:50], one.text[:LONGEST_NAME]) for one in found if one.text))
