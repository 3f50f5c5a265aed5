"""Reads items and events from a file's rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, get_args

from tfapp.apps.shared.column_names import FileColumns, check_contents
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.apps.shared.times import parse_time
from tfapp.data.stored_texts import LONGEST_NAME, storable, tidy

__all__ = ["EventEntry", "EventKind", "ItemEntry", "read_events", "read_items"]

E = TypeVar("E")
EventKind = Literal["view", "click", "rate"]

_ITEM_COLUMNS: Final = {
    "item": ("item", "item_id", "id", "key", "sku"),
    "title": ("title", "name", "headline"),
    "description": ("description", "text", "body", "content", "summary", "abstract"),
    "tags": ("tags", "genres", "categories", "category", "topic", "label"),
    "time": ("time", "published", "published_at", "date", "timestamp", "created_at"),
}
_EVENT_COLUMNS: Final = {
    "user": ("user", "user_id", "reader", "customer", "customer_id"),
    "item": ("item", "item_id", "id", "key", "sku"),
    "kind": ("kind", "event", "event_type", "type", "action"),
    "value": ("value", "rating", "stars", "score"),
    "time": ("time", "timestamp", "date", "at", "created_at"),
}
_LONGEST: Final = 20_000


@dataclass(frozen=True)
class ItemEntry:
    """An item of a file; `published` is since when it is there, if that is said."""

    line: int
    key: str
    title: str
    description: str = ""
    tags: tuple[str, ...] = ()
    published: datetime | None = None

    @property
    def text(self) -> str:
        """Returns the text that is embedded: title, tags, description."""
        return ". ".join(part for part in (self.title, ", ".join(self.tags), self.description) if part)


@dataclass(frozen=True)
class EventEntry:
    """An event of a user with an item; `value` is the rating."""

    line: int
    user: str
    item: str
    kind: EventKind
    value: float | None
    time: datetime


def read_items(
    records: Iterable[Record | RejectedRow], *, source: str, columns: Mapping[str, str] | None = None
) -> Iterator[ItemEntry | RejectedRow]:
    """Makes items from rows; a row that is none is rejected.

    Args:
        records: The rows.
        source: Names the file in an error.
        columns: Column names by what they hold (item, title, description, tags, time); the rest has usual names.

    Raises:
        DataError: There is no column of ids, or none of titles or descriptions.
    """
    choices = (("item",), ("title", "description"))
    return _entries(records, _item, columns or {}, _ITEM_COLUMNS, requirements=choices, source=source)


def read_events(
    records: Iterable[Record | RejectedRow], *, source: str, columns: Mapping[str, str] | None = None
) -> Iterator[EventEntry | RejectedRow]:
    """Makes events from rows; a row that is none is rejected.

    Args:
        records: The rows.
        source: Names the file in an error.
        columns: Column names by what they hold (user, item, kind, value, time); the rest has usual names. Without a
            kind, a row with a value is a rating, and one without is a click.

    Raises:
        DataError: There is no column of users, of items, or of times.
    """
    choices = (("user",), ("item",), ("time",))
    return _entries(records, _event, columns or {}, _EVENT_COLUMNS, requirements=choices, source=source)


def _entries(
    records: Iterable[Record | RejectedRow],
    make: Callable[[int, Mapping[str, Any]], E],
    columns: Mapping[str, str],
    column_names: Mapping[str, Sequence[str]],
    *,
    requirements: Iterable[Sequence[str]],
    source: str,
) -> Iterator[E | RejectedRow]:
    """Checks that one column of each of the `requirements` is there, and returns the entries of the rows."""
    check_contents(columns, column_names)
    file = FileColumns.detect(records, columns, column_names, source=source)
    for choices in requirements:
        if not any(choice in file.columns for choice in choices):
            raise file.error(f"no column of {' or '.join(choices)}", f"name it with --column {choices[0]}=NAME")
    return (row if isinstance(row, RejectedRow) else _entry(row, file.columns, make) for row in file.rows)


def _entry(row: Record, columns: Mapping[str, str], make: Callable[[int, Mapping[str, Any]], E]) -> E | RejectedRow:
    try:
        return make(row.line, {field: row.values.get(column) for field, column in columns.items()})
    except ValueError as error:
        return RejectedRow(row.line, str(error), storable(str(row.values))[:_LONGEST])


def _item(line: int, values: Mapping[str, Any]) -> ItemEntry:
    key, title, description = _name(values, "item"), _text(values, "title"), _text(values, "description")
    if not title and not description:
        raise ValueError("there is neither a title nor a description")
    time = None if _is_missing(values.get("time")) else parse_time(values["time"])
    # Without a title the beginning of the description stands for it.
    return ItemEntry(line, key, title or description[:80], description, _tags(values.get("tags")), time)


def _event(line: int, values: Mapping[str, Any]) -> EventEntry:
    user, item, value = _name(values, "user"), _name(values, "item"), _number(values.get("value"))
    if _is_missing(values.get("time")):
        raise ValueError("there is no time")
    kind = "rate" if value is not None else "click"
    if not _is_missing(values.get("kind")):
        kind = str(values["kind"]).strip().lower()
    if kind not in get_args(EventKind):
        raise ValueError(f"the kind {kind[:40]!r} is none of {', '.join(get_args(EventKind))}")
    if kind == "rate" and value is None:
        raise ValueError("a rating without a value")
    return EventEntry(line, user, item, kind, value, parse_time(values["time"]))  # type: ignore[arg-type]  # checked


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _name(values: Mapping[str, Any], field: str) -> str:
    """Returns an id, which may be a number."""
    value = values.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"the {field} is missing" if value is None else f"the {field} is no name but {value!r:.40}")  # noqa: TRY004 - the value's fault
    name = tidy(str(value))
    if name is None or len(name) > LONGEST_NAME:
        raise ValueError(f"the {field} must have from 1 to {LONGEST_NAME} characters, got {len(str(value))}")
    return name


def _text(values: Mapping[str, Any], field: str) -> str:
    value = values.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"the {field} is no text but a {type(value).__name__}")  # noqa: TRY004 - the value's fault
    if len(value) > _LONGEST:
        raise ValueError(f"the {field} has {len(value)} characters; at most {_LONGEST} are kept")
    return tidy(value) or ""


def _tags(value: Any) -> tuple[str, ...]:
    """Returns the tags of a list, or of a text with `|`, `;` or commas between them."""
    if value is None:
        return ()
    if isinstance(value, str):
        mark = next((mark for mark in "|;" if mark in value), ",")
        value = value.split(mark)
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise ValueError(f"the tags are neither a text nor a list of texts: {value!r:.60}")
    tags = (tidy(tag) for tag in value)
    return tuple(dict.fromkeys(tag[:LONGEST_NAME] for tag in tags if tag))


def _number(value: Any) -> float | None:
    if _is_missing(value):
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"the value {value!r:.40} is no number")
    return number
