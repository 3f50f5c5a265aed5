"""The database tables of opinion monitoring."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tfapp.apps.monitor.text_profile import MEASURES, DriftMeasure
from tfapp.apps.monitor.windows import WidthName
from tfapp.apps.shared.store import Base, UtcTime
from tfapp.core.wording import pluralize
from tfapp.data.stored_texts import LONGEST_NAME

__all__ = [
    "ENDINGS",
    "KINDS",
    "AlertKind",
    "AlertRow",
    "CheckpointRow",
    "DeliveryRow",
    "DetectorStateRow",
    "MentionRow",
    "MessageRow",
    "ProgressRow",
    "ReferenceRow",
    "RejectedMessageRow",
    "WindowRow",
]

AlertKind = Literal["rise"] | DriftMeasure
KINDS: Final[tuple[AlertKind, ...]] = ("rise", *MEASURES)
"""A rise of a topic's negative share; or a drift of the texts, by what it is measured by."""

_MEANS: Final = {
    "vocabulary": "share of unknown words",
    "length": "words per text",
    "confidence": "the models' confidence",
}
ENDINGS: Final = {
    "normal": "back to normal",
    "lasting": "it lasted so long that it is normal now",
    "late texts": "texts that came late explain it",
}
"""Why alerts end, as people read it."""
_KEY = String(32)
_NAME = String(LONGEST_NAME)
_KIND = String(20)
# TAG:WORDS, cut.
_ENTITY = String(2 * LONGEST_NAME)
# Of all windows there ever were, a few wait.
_UNJUDGED = text("judged <> texts")


class MessageRow(Base):
    """A text of the stream, stored once, with the models' answers."""

    __tablename__ = "monitor_message"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    source: Mapped[str] = mapped_column(_NAME)
    time: Mapped[datetime] = mapped_column(UtcTime)
    text: Mapped[str] = mapped_column(Text)
    topic: Mapped[str] = mapped_column(_NAME)
    topic_confidence: Mapped[float]
    sentiment: Mapped[str] = mapped_column(_NAME)
    sentiment_confidence: Mapped[float]
    stored_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (
        Index("ix_monitor_message_time", "time"),
        Index("ix_monitor_message_topic_time", "topic", "time"),
    )

    def to_dict(self) -> dict[str, Any]:
        """Returns the text and its answers for JSON."""
        names = [column.key for column in self.__table__.columns if column.key not in ("key", "stored_at")]
        return {**{name: getattr(self, name) for name in names}, "time": self.time.isoformat()}


class MentionRow(Base):
    """An entity that a text names."""

    __tablename__ = "monitor_mention"
    message_id: Mapped[int] = mapped_column(ForeignKey("monitor_message.id"), primary_key=True)
    entity: Mapped[str] = mapped_column(_ENTITY, primary_key=True, index=True)


class WindowRow(Base):
    """Counts of a topic's texts in a window; `judged` is how many there were when it was last evaluated."""

    __tablename__ = "monitor_window"
    width: Mapped[str] = mapped_column(_KIND, primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    topic: Mapped[str] = mapped_column(_NAME, primary_key=True)
    by: Mapped[str] = mapped_column(_KIND, primary_key=True)
    name: Mapped[str] = mapped_column(_ENTITY, primary_key=True)
    texts: Mapped[int]
    negatives: Mapped[int]
    positives: Mapped[int]
    judged: Mapped[int] = mapped_column(default=0)
    __table_args__ = (
        Index("ix_monitor_window_due", "width", "start", sqlite_where=_UNJUDGED, postgresql_where=_UNJUDGED),
    )


class CheckpointRow(Base):
    """The position up to which a source has been read and stored."""

    __tablename__ = "monitor_checkpoint"
    reader: Mapped[str] = mapped_column(_KEY, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[dict[str, Any]] = mapped_column(JSON)
    stored_at: Mapped[datetime] = mapped_column(UtcTime)


class ProgressRow(Base):
    """The one row that says how far the stream has come; evaluation locks it."""

    __tablename__ = "monitor_progress"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    newest: Mapped[datetime | None] = mapped_column(UtcTime)
    repeated: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column("set_aside", default=0, server_default="0")


class DetectorStateRow(Base):
    """A topic's window as it was evaluated, and the detector's state after it."""

    __tablename__ = "monitor_judgement"
    subject: Mapped[str] = mapped_column(String(LONGEST_NAME + 20), primary_key=True)
    width: Mapped[str] = mapped_column(_KIND, primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    p_value: Mapped[float | None]
    expected: Mapped[float | None]
    state: Mapped[dict[str, Any]] = mapped_column(JSON)


class ReferenceRow(Base):
    """A reference of texts; drift is measured against the newest one."""

    __tablename__ = "monitor_reference"
    id: Mapped[int] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime)
    profile: Mapped[dict[str, Any]] = mapped_column(JSON)


class AlertRow(Base):
    """An alert, stored once: a topic's negative share is higher than its history explains, or the texts have drifted.

    Attributes:
        key: Names it for receivers, who may be told of it more than once.
        kind: One of `KINDS`.
        topic: Of a rise; empty for a drift, which is of the whole stream.
        start: The first window that is not as usual.
        found: The window in which it was found.
        end: Where all is as usual again; None: it goes on.
        ended_by: Why it ended, as `EndedBy`.
        before: The share that history says, or the mean of the reference.
        after: What was found.
        p_value: How probable that is where all is as usual.
    """

    __tablename__ = "monitor_alert"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    kind: Mapped[str] = mapped_column(_KIND)
    topic: Mapped[str] = mapped_column(_NAME)
    width: Mapped[WidthName] = mapped_column(_KIND)
    start: Mapped[datetime] = mapped_column(UtcTime, index=True)
    found: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str | None] = mapped_column(_KIND)
    before: Mapped[float]
    after: Mapped[float]
    texts: Mapped[int]
    negatives: Mapped[int]
    p_value: Mapped[float]
    opened_at: Mapped[datetime] = mapped_column(UtcTime)

    @property
    def headline(self) -> str:
        """Returns the alert in one line: the share or measure before and after, since when, and its p-value."""
        since = f"since {self.start:%Y-%m-%d %H:%M} UTC"
        texts, why = pluralize(self.texts, "text"), f"p = {self.p_value:.1g}"
        if self.kind == "rise":
            size = f"{self.before:.0%} to {self.after:.0%}"
            return f"{self.topic}: negative share from {size} {since} ({self.negatives} of {texts}, {why})"
        form = ".1f" if self.kind == "length" else ".0%"
        before, after = format(self.before, form), format(self.after, form)
        change = f"{_MEANS[self.kind]} from {before} to {after}"
        return f"the texts have changed: {change} {since} ({texts}, {why})"

    @property
    def state(self) -> str:
        """Returns `open`, or why it ended, as JSON has it."""
        return "open" if self.end is None else f"over: {self.ended_by}"

    @property
    def status(self) -> str:
        """Returns `open`, or why it ended, as people read it."""
        return f"ended: {ENDINGS[self.ended_by]}" if self.ended_by else "open"

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        values = {column.key: getattr(self, column.key) for column in self.__table__.columns}
        times = {name: value.isoformat() for name, value in values.items() if isinstance(value, datetime)}
        return {**values, **times, "state": self.state, "headline": self.headline}


class DeliveryRow(Base):
    """A notification of an alert for a sink, until it is delivered or was tried too often (`failed_at`)."""

    __tablename__ = "monitor_delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY)
    alert_id: Mapped[int] = mapped_column(ForeignKey("monitor_alert.id"), index=True)
    sink: Mapped[str] = mapped_column(_KIND)
    event: Mapped[str] = mapped_column(_KIND)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (UniqueConstraint("alert_id", "event", "sink"),)


class RejectedMessageRow(Base):
    """A rejected row of the stream, once, and its reason; the newest ones are kept."""

    __tablename__ = "monitor_set_aside"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(_KEY, unique=True)
    source: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    content: Mapped[str] = mapped_column(Text)
    stored_at: Mapped[datetime] = mapped_column(UtcTime)
