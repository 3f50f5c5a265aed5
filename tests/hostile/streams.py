"""Draws what a monitor may be given: rows of texts in files, and settings."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Mapping
from typing import Any, Final

import tomli_w

from tests.hostile.draws import maybe, mutate, name, nest, number, several, text
from tfapp.apps.shared.settings import ApplicationSettings

__all__ = ["SECRET", "any_application_settings", "any_stream", "any_watch_settings"]

SECRET: Final = "s3cret-s3cret"
_SECRETS: Final = ("listen_token", "database")
_SECTIONS: Final = {
    "webhook": ("url", "token", "timeout"),
    "smtp": ("host", "port", "sender", "to", "user", "password"),
}
_COLUMNS: Final = ("text", "time", "id", "source")
_TIMES: Final = (
    *("2026-03-02T01:00:00Z", "2026-03-02T02:30:00+05:30", "2026-03-02", "20260302T01", "2026-W10-1", 1772413200),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1900-01-01", "9999-12-31T23:59:59-14:00", "2026-06-10T01"),
    *("\u0663", "\uff11\uff12", "1.5", ".", "-1", "1e400", "NaN", -1e18, 1e11, 1e300, 0, True, 10**30, "", None),
)
_WORDS: Final = ("phone", "parcel", "bad", "good", "Acme", "\ud800", "\x00", "\u200b", "\x1f", "a" * 25_000, "e\u0301")
_WATCH: Final = (
    *(
        "lateness_minutes",
        "history",
        "least_history",
        "guard",
        "false_alerts",
        "least_rise",
        "drift_reference",
        "texts",
    ),
    *("drift_distance", "drift_texts", "batch_size", "longest_text", "future_minutes", "set_aside_rows"),
)
_NUMBERS: Final = (0, -1, 1, 2, 4, 20, 48, 1e-300, 0.5, 1.0, 1e9, 1e12, 10**12, 10**13, 1 << 63, 1e308)


def any_stream(source: random.Random, form: str) -> bytes:
    """Draws a file of texts, by its suffix; some with faults in its bytes."""
    rows = [_row(source) for _ in range(source.choice((0, 1, 12, 12, 40)))]
    if form == "jsonl":
        lines = [json.dumps(row) for row in rows]
        odd_lines = ("{", "[]", "null", '{"text": "a", "time": 1e999}', '{"id": ' + "9" * 5000 + "}", "[" * 5000)
        data = "\n".join([*lines, *several(source, lambda s: s.choice(odd_lines), 2)]).encode()
    else:
        out = io.StringIO()
        writer = csv.writer(out, delimiter="\t" if form == "tsv" else ",")
        writer.writerows([_COLUMNS, *([row.get(column, "") for column in _COLUMNS] for row in rows)])
        data = out.getvalue().encode("utf-8", "surrogatepass")
    return mutate(data, source) if maybe(source, 0.3) else data


def any_watch_settings(source: random.Random) -> dict[str, Any]:
    """Draws settings by which a monitor judges windows, most of them easily alarmed; they may be of no use."""
    alarm_settings = {"false_alerts": 1000, "least_history": 2, "history": 4, "least_rise": 0, "drift_reference": 20}
    values: dict[str, Any] = {"tagger": "brands", "drift_distance": 0.01, "drift_texts": 2, **alarm_settings}
    for key in several(source, lambda s: s.choice(_WATCH), 3):
        values[key] = source.choice(_NUMBERS)
    if maybe(source, 0.3):
        values["spans"] = [source.choice(_NUMBERS) for _ in range(source.randrange(3))]
    return {**values, "window": source.choice(("minute", "hour", "day"))}


def any_application_settings(source: random.Random, kind: type[ApplicationSettings]) -> tuple[bytes, list[str]]:
    """Draws a settings file and overrides; where a secret stands, it is `SECRET`."""
    names = list(kind.model_fields)
    values: dict[str, Any] = dict(several(source, lambda s: _setting(s, name(s, names, 0.95)), 4))
    content = tomli_w.dumps({key: value for key, value in values.items() if value is not None}).encode(
        "utf-8", "replace"
    )
    odd_contents = (
        b"a = " + b"[" * 5000,
        b"a = " + b"9" * 5000,
        b"a." * 3000 + b"b = 1",
        b"a = {b = " * 2000,
        b"\xff",
        b"[a",
        b"=",
    )
    if maybe(source, 0.2):
        content = source.choice(odd_contents)
    items = [f"{key}={value}" for key, value in several(source, lambda s: _setting(s, name(s, names)), 2)]
    deep = [f"{source.choice(names)}{'.a' * 3000}=1"] if maybe(source, 0.05) else []
    return content if maybe(source, 0.8) else mutate(content, source), [*items, *deep]


def _row(source: random.Random) -> dict[str, Any]:
    row: dict[str, Any] = {
        "text": _text(source),
        "time": source.choice(_TIMES) if maybe(source, 0.3) else f"2026-03-02T{source.randrange(24):02}:30:00Z",
        "id": _id(source),
        "source": _name(source),
    }
    for column in several(source, lambda s: s.choice(_COLUMNS), 3):
        row.pop(column, None)
    return row


def _text(source: random.Random) -> Any:
    if maybe(source, 0.1):
        return source.choice((None, 5, [], {"a": 1}, nest(source, text)))
    return " ".join(source.choice(_WORDS) if maybe(source, 0.8) else text(source) for _ in range(source.randint(1, 4)))


def _id(source: random.Random) -> Any:
    return source.choice((number(source), text(source), None, 1.5, float("nan"), [1], {"a": [2]}, True, "\ud800"))


def _name(source: random.Random) -> Any:
    return source.choice(("shop", "shop", text(source), "a" * 5000, number(source), None, ["shop"], "\ud800", " \n "))


def _setting(source: random.Random, key: str) -> tuple[str, Any]:
    if key in _SECRETS:
        return key, source.choice((SECRET, [SECRET], {"a": SECRET}))
    if key in _SECTIONS:
        return key, SECRET if maybe(source, 0.2) else {
            part: _inner(source, part) for part in _SECTIONS[key] if maybe(source, 0.9)
        }
    values = (
        source.choice(_NUMBERS),
        number(source),
        text(source),
        True,
        [],
        [1, 0],
        {"a": 1},
        float("nan"),
        float("inf"),
        ["a"],
    )
    return key, source.choice(values)


def _inner(source: random.Random, part: str) -> Any:
    if part in ("url", "token", "password"):
        return source.choice((SECRET, f"https://h/{SECRET}", [SECRET], f"{SECRET}\u00e4"))
    right: Mapping[str, Any] = {"host": "h", "port": 25, "sender": "a@x", "to": ["b@x"], "user": "u", "timeout": 1.0}
    return right[part] if maybe(source, 0.8) else source.choice((text(source), number(source), [text(source)], -1.0))
