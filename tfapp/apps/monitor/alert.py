"""An alert, as sinks, the command line and the console show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

from tfapp.apps.monitor.episode import EndedBy
from tfapp.apps.monitor.tables import AlertRow, MessageRow
from tfapp.apps.monitor.text_profile import MEASURES, Measure
from tfapp.apps.monitor.windows import WidthName

__all__ = ["KINDS", "Alert", "AlertKind", "ShownText"]

AlertKind = Literal["rise"] | Measure
KINDS: Final[tuple[AlertKind, ...]] = ("rise", *MEASURES)
"""A rise of a topic's negative share; or a drift of the texts, by what it is measured by."""

_MEANS: Final = {
    "vocabulary": "words that were not known before",
    "length": "words a text",
    "confidence": "the models' confidence",
}
_ENDINGS: Final[dict[EndedBy, str]] = {
    "normal": "back to normal",
    "lasting": "it lasted so long that it is normal now",
    "late texts": "texts that came late explain it",
}


@dataclass(frozen=True)
class ShownText:
    """A text that is shown, such as one behind an alert; confidences are probabilities."""

    id: int
    source: str
    time: datetime
    text: str
    topic: str
    topic_confidence: float
    sentiment: str
    sentiment_confidence: float

    @classmethod
    def of(cls, row: MessageRow) -> Self:
        """Returns the text of a row of the database."""
        values = {name: getattr(row, name) for name in cls.__dataclass_fields__}
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        return {**self.__dict__, "time": self.time.isoformat()}


@dataclass(frozen=True)
class Alert:
    """A rise of a topic's negative share above what its history explains, or a drift of the texts.

    Attributes:
        id: Its number.
        key: Names it for receivers, who may be told of it more than once.
        kind: One of `KINDS`.
        topic: Of a rise; empty for a drift, which is of the whole stream.
        width: How wide the windows are.
        start: The first window that is not as usual.
        found: The window in which it was found.
        end: Where all is as usual again; None: it goes on.
        ended_by: Why it ended.
        before: The share that history says, or the mean of the reference.
        after: What was found.
        texts: Texts that say so.
        negatives: Negative ones of them.
        p_value: How probable that is where all is as usual.
        opened_at: When it was raised, by the clock.
    """

    id: int
    key: str
    kind: AlertKind
    topic: str
    width: WidthName
    start: datetime
    found: datetime
    end: datetime | None
    ended_by: EndedBy | None
    before: float
    after: float
    texts: int
    negatives: int
    p_value: float
    opened_at: datetime

    @classmethod
    def of(cls, row: AlertRow) -> Self:
        """Returns the alert of a row of the database."""
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})

    @property
    def headline(self) -> str:
        """Returns one line that says what has changed."""
        since = f"since {self.start:%Y-%m-%d %H:%M} UTC"
        why = f"p = {self.p_value:.1g}"
        if self.kind == "rise":
            size = f"{self.before:.0%} to {self.after:.0%}"
            return f"{self.topic}: negative share from {size} {since} ({self.negatives} of {self.texts} texts, {why})"
        form = ".1f" if self.kind == "length" else ".0%"
        before, after = format(self.before, form), format(self.after, form)
        changed = f"{_MEANS[self.kind]} from {before} to {after}"
        return f"the texts have changed: {changed} {since} ({self.texts} texts, {why})"

    @property
    def state(self) -> str:
        """Returns `open`, or why it ended, as JSON has it."""
        return "open" if self.end is None else f"over: {self.ended_by}"

    @property
    def status(self) -> str:
        """Returns `open`, or why it ended, as people read it."""
        return f"ended: {_ENDINGS[self.ended_by]}" if self.ended_by else "open"

    def to_dict(self) -> dict[str, Any]:
        """Returns its values for JSON."""
        times = {name: getattr(self, name).isoformat() for name in ("start", "found", "opened_at")}
        end = self.end.isoformat() if self.end else None
        return {**self.__dict__, **times, "end": end, "state": self.state, "headline": self.headline}
