from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.apps.recommend.file_entries import EventEntry, ItemEntry, read_events, read_items
from tfapp.apps.shared.record_reader import Record, RejectedRow, read_records
from tfapp.errors import DataError, SettingsError


def item(**values: Any) -> ItemEntry | RejectedRow:
    row = {"id": "a", "title": "A", **values}
    return next(read_items([Record(2, row)], source="items.csv"))


def event(**values: Any) -> EventEntry | RejectedRow:
    row = {"user": "u", "item": "a", "time": 1_000_000_000, **values}
    return next(read_events([Record(2, row)], source="events.csv"))


def reason(row: object) -> str:
    assert isinstance(row, RejectedRow)
    assert row.line == 2
    return row.reason


def test_an_item_has_its_text_of_title_tags_and_description() -> None:
    entry = item(description="  It is\nblue. ", tags="x|y | x", date="2026-02-01T10:00:00+02:00")
    assert isinstance(entry, ItemEntry)
    assert (entry.tags, entry.text) == (("x", "y"), "A. x, y. It is blue.")
    assert entry.published is not None
    assert entry.published.isoformat() == "2026-02-01T08:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "tags"), [("a, b", ("a", "b")), ("a;b,c", ("a", "b,c")), (["a", " "], ("a",)), (None, ()), ("", ())]
)
def test_tags_come_as_a_list_or_as_a_text(value: object, tags: tuple[str, ...]) -> None:
    entry = item(tags=value)
    assert isinstance(entry, ItemEntry)
    assert entry.tags == tags


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"id": " "}, "the item must have from 1 to 200 characters, got 1"),
        ({"id": None}, "the item is missing"),
        ({"id": [1]}, "the item is no name but [1]"),
        ({"title": ""}, "there is neither a title nor a description"),
        ({"title": 5}, "the title is no text but a int"),
        ({"tags": [1]}, "the tags are neither a text nor a list of texts: [1]"),
        ({"date": "soon"}, "its time, 'soon', is neither ISO 8601 nor seconds since 1970"),
    ],
)
def test_an_item_that_is_none_is_rejected_with_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason(item(**values)) == why


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"user": True}, "the user is no name but True"),
        ({"time": ""}, "there is no time"),
        ({"kind": "bought"}, "the kind 'bought' is none of view, click, rate"),
        ({"kind": "rate"}, "a rating without a value"),
        ({"rating": "five"}, "the value 'five' is no number"),
        ({"rating": "nan"}, "the value 'nan' is no number"),
    ],
)
def test_an_event_that_is_none_is_rejected_with_its_reason(values: dict[str, Any], why: str) -> None:
    assert reason(event(**values)) == why


def test_a_kind_follows_from_the_value_where_none_is_said() -> None:
    rating, click, view = event(rating="4.5"), event(), event(kind=" View ")
    assert isinstance(rating, EventEntry)
    assert (rating.kind, rating.value) == ("rate", 4.5)
    assert isinstance(click, EventEntry)
    assert isinstance(view, EventEntry)
    assert (click.kind, view.kind) == ("click", "view")


def test_columns_that_are_missing_are_named() -> None:
    with pytest.raises(
        DataError, match=r'items\.csv: no column of item; columns: "titel"; name it with --column item='
    ):
        list(read_items([Record(2, {"titel": "A"})], source="items.csv"))
    with pytest.raises(DataError, match=r'events\.csv: no column "reader"'):
        list(read_events([Record(2, {"user": "u", "item": "i"})], source="events.csv", columns={"user": "reader"}))
    with pytest.raises(SettingsError, match="--column name: give NAME=COLUMN, where NAME is one of user, item"):
        list(read_events([], source="events.csv", columns={"name": "x"}))


def test_files_of_each_form_are_read_and_broken_rows_keep_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('item,title\n1,"Two\nlines"\n2\n3,Three\n', encoding="utf-8")
    entries = list(read_items(read_records(tmp_path / "a.csv"), source="a.csv"))
    assert [(row.line, type(row).__name__) for row in entries] == [
        (2, "ItemEntry"),
        (4, "RejectedRow"),
        (5, "ItemEntry"),
    ]
    (tmp_path / "b.jsonl").write_text('{"item": 7, "headline": "H"}\n{"item"\n', encoding="utf-8")
    entry, rejected_row = read_items(read_records(tmp_path / "b.jsonl"), source="b.jsonl")
    assert isinstance(entry, ItemEntry)
    assert entry.key == "7"
    assert isinstance(rejected_row, RejectedRow)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=3))


@given(st.dictionaries(st.sampled_from(["id", "title", "text", "tags", "time"]), VALUES))
def test_any_item_row_comes_out_as_an_item_or_rejected(values: dict[str, Any]) -> None:
    rows = [Record(2, {"id": "a", "title": "A"}), Record(3, values)]
    assert [row.line for row in read_items(rows, source="items")] == [2, 3]


@given(st.dictionaries(st.sampled_from(["user", "item", "kind", "value", "time"]), VALUES))
def test_any_event_row_comes_out_as_an_event_or_rejected(values: dict[str, Any]) -> None:
    rows = [Record(2, {"user": "u", "item": "a", "time": 0}), Record(3, values)]
    assert [row.line for row in read_events(rows, source="events")] == [2, 3]
