from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.monitor.stream import START
from tfapp.apps.monitor.message import Message, MessageColumns
from tfapp.apps.shared.record_reader import Record, RejectedRow
from tfapp.apps.shared.times import parse_time, shift
from tfapp.errors import SettingsError

NOW = START + timedelta(days=1)


def _nest(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def make(columns: MessageColumns | None = None, **values: Any) -> Message | RejectedRow:
    return (columns or MessageColumns(longest=50)).message(Record(7, values), source="shop", latest=NOW, now=START)


def message(**values: Any) -> Message:
    result = make(**values)
    assert isinstance(result, Message), result
    return result


def test_a_row_becomes_a_message() -> None:
    row_message = message(text="It broke.", id=5, source="app store", time="2026-03-01T12:00:00+02:00")
    assert (row_message.source, row_message.text, row_message.time) == (
        "app store",
        "It broke.",
        datetime(2026, 3, 1, 10, tzinfo=UTC),
    )
    assert message(body="It broke.").source == "shop"
    assert message(body="It broke.").time == START
    review_message = make(MessageColumns({"text": "review"}), review="Good", text="")
    assert isinstance(review_message, Message)


def test_the_same_text_has_the_same_key_and_another_one_another() -> None:
    assert message(text="a", id="1").key == message(text="b", id="1", time=START.isoformat()).key
    assert message(text="a", id="1").key != message(text="a", id="1", source="other").key
    assert message(text="a").key == message(text="a").key
    assert message(text="a", time="2026-03-01T12:00:00Z").key == message(text="a", time=1772366400).key
    assert message(text="a", time="2026-03-01T12:00:00Z").key != message(text="a", time="2026-03-01T12:00:01Z").key
    assert message(text="a", id="0").key != message(text="a").key


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"id": 1}, 'no text in "text"'),
        ({"text": " \u200b "}, 'no text in "text"'),
        ({"text": 5}, 'no text in "text"'),
        ({"text": "x" * 51}, "the text has 51 characters, more than 50 (longest_text)"),
        ({"text": "a", "time": "yesterday"}, "its time, 'yesterday', is neither ISO 8601 nor seconds since 1970"),
        ({"text": "a", "time": True}, "its time, True, is neither"),
        ({"text": "a", "time": "1" * 40}, "is neither"),
        ({"text": "a", "time": [1]}, "is neither"),
        ({"text": "a", "time": "0001-01-01T00:00:00Z"}, "its time, 0001-01-01T00:00:00+00:00, lies before 1900"),
        ({"text": "a", "time": "1899-12-31T23:59:59-00:00"}, "lies before 1900"),
        ({"text": "a", "time": "0001-01-01T00:00:00+14:00"}, "is neither"),
        ({"text": "a", "source": _nest(100_000)}, "it cannot be used: RecursionError"),
        (
            {"text": "a", "time": "2099-01-01"},
            f"its time, 2099-01-01T00:00:00+00:00, lies in the future: after {NOW.isoformat()} (future_minutes)",
        ),
    ],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(values: dict[str, Any], reason: str) -> None:
    result = make(**values)
    assert isinstance(result, RejectedRow)
    assert reason in result.reason
    assert result.line == 7


def test_what_a_database_does_not_keep_is_replaced() -> None:
    row_message = message(text="a\0b\ud800", source="s\0", id="\ud800")
    assert row_message.text == "a\N{REPLACEMENT CHARACTER}b?"
    row_message.source.encode()


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(SettingsError, match="--column when: give NAME=COLUMN, where NAME is one of text, time"):
        MessageColumns({"when": "x"})


zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=zones)


@given(times)
def test_times_are_read_as_they_were_written(time: datetime) -> None:
    assert parse_time(time.isoformat()) == time
    second = time.replace(microsecond=0)
    assert parse_time(int(second.timestamp())) == second
    assert parse_time(str(int(second.timestamp()) * 1000)) == second
    assert parse_time(time.astimezone(UTC).replace(tzinfo=None).isoformat(" ")) == time


anywhen = (
    st.datetimes(datetime.min, datetime.max, timezones=zones).map(datetime.isoformat) | st.floats() | st.integers()
)


@given(anywhen)
def test_a_time_is_of_the_last_hundred_years_or_so_or_the_row_is_rejected(time: str | float) -> None:
    result = make(text="a", time=time)
    if isinstance(result, Message):
        assert datetime(1900, 1, 1, tzinfo=UTC) <= result.time <= NOW
    else:
        assert result.reason.startswith("its time, ")


moments = st.datetimes(datetime.min, datetime.max, timezones=st.just(UTC))


@given(
    moments, st.timedeltas(timedelta(0), timedelta.max), st.floats(-1e9, 1e9) | st.sampled_from([-1, 1, float("inf")])
)
def test_arithmetic_ends_at_the_first_and_the_last_time(time: datetime, by: timedelta, times: float) -> None:
    result = shift(time, by, times)
    try:
        assert result == time + times * by
    except OverflowError:
        assert result == (datetime.max if times > 0 else datetime.min).replace(tzinfo=UTC)


def test_names_that_no_database_keeps_are_cut_and_replaced() -> None:
    result = MessageColumns().message(Record(1, {"text": "a"}), source="x\udcff" * 300, latest=NOW, now=START)
    assert isinstance(result, Message)
    assert result.source == "x?" * 100
