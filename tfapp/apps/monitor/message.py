"""A text of the stream, as it came and as it was classified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tfapp.apps.shared.column_names import check_contents
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.apps.shared.times import check_time, parse_time
from tfapp.data.cleaning import is_visible
from tfapp.data.stored_texts import LONGEST_NAME, digest, storable

__all__ = ["ClassifiedMessage", "Mention", "Message", "MessageColumns"]

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "text": ("text", "message", "body", "content", "sentence", "review"),
    "time": ("time", "timestamp", "created_at", "date", "datetime"),
    "id": ("id", "key", "uuid"),
    "source": ("source", "channel", "site"),
}
_EXCERPT: Final = 2000


@dataclass(frozen=True)
class Message:
    """A text, where it comes from, and when it was written.

    Attributes:
        key: The same for the same text, however often it comes: made of the source and the sender's id; where there
            is no id, of source, time and text.
        time: When it was written, or came, where that is not said; with its zone.
    """

    key: str
    source: str
    time: datetime
    text: str


@dataclass(frozen=True)
class Mention:
    """An entity that a text mentions: its tag, and its words in lower case."""

    tag: str
    text: str

    @property
    def name(self) -> str:
        """Returns the entity as TAG:WORDS."""
        return f"{self.tag}:{self.text}"


@dataclass(frozen=True)
class ClassifiedMessage:
    """A text with its topic, sentiment and entities; confidences are probabilities."""

    message: Message
    topic: str
    topic_confidence: float
    sentiment: str
    sentiment_confidence: float
    entities: tuple[Mention, ...] = ()


@dataclass(frozen=True)
class MessageColumns:
    """Makes messages from rows by the names of their columns.

    Attributes:
        columns: Column names by what they hold (text, time, id, source); what is missing is found by its usual names.
        longest: Characters that a text may have.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    longest: int = 20_000

    def __post_init__(self) -> None:
        check_contents(self.columns, _NAMES)

    def message(self, row: Record, *, source: str, latest: datetime, now: datetime) -> Message | RejectedRow:
        """Makes a message from a row; a row that is none is rejected with its reason.

        Args:
            row: Values by column.
            source: The source of rows that name none.
            latest: Times after it are refused.
            now: The time of rows that have none.
        """
        try:
            return self._message(row.values, source, latest, now)
        except ValueError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a row holds, the next one is read
            reason = f"it cannot be used: {type(error).__name__}: {error}"
        return RejectedRow(row.line, storable(reason)[:_EXCERPT], _row_text(row))

    def _message(self, values: Mapping[str, Any], source: str, latest: datetime, now: datetime) -> Message:
        fields = {name: self._value(values, name) for name in _NAMES}
        text, time_field = fields["text"], fields["time"]
        if not isinstance(text, str) or not is_visible(text):
            raise ValueError(f'no text in "{self.columns.get("text", "text")}"')
        if len(text) > self.longest:
            raise ValueError(f"the text has {len(text)} characters, more than {self.longest} (longest_text)")
        time = now if time_field in (None, "") else parse_time(time_field)
        check_time(time, latest, "future_minutes")
        name = (" ".join(storable(str(fields["source"] or "")).split()) or storable(source))[:LONGEST_NAME]
        content = storable(text)
        # Without an id and a time of its own, the same text again is the same message.
        identity = str(fields["id"]) if fields["id"] not in (None, "") else None
        own_time = "" if time_field in (None, "") else time.isoformat()
        parts = ("text", own_time, content) if identity is None else ("id", storable(identity))
        return Message(digest(name, *parts), name, time, content)

    def _value(self, values: Mapping[str, Any], field: str) -> Any:
        names = (self.columns[field],) if field in self.columns else _NAMES[field]
        return next((values[name] for name in names if values.get(name) is not None), None)


def _row_text(row: Record) -> str:
    """Returns the beginning of a row, as far as it can be stored."""
    try:
        return storable(str(row.values)[:_EXCERPT])
    except (ValueError, RecursionError) as error:
        return f"({type(error).__name__})"
