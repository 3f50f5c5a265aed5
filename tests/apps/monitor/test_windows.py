from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.apps.monitor.stream import START, classified_message
from tfapp.apps.monitor.message import ClassifiedMessage, Mention
from tfapp.apps.monitor.windows import WIDTHS, Counts, count, window_start


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.sampled_from(list(WIDTHS)))
def test_a_time_lies_in_its_window_and_in_no_other(time: datetime, width: str) -> None:
    start = window_start(time, width)  # type: ignore[arg-type]
    assert start <= time < start + WIDTHS[width]  # type: ignore[index]
    assert window_start(start, width) == start  # type: ignore[arg-type]


texts = st.builds(
    lambda key, minutes, topic, negative, source, names: ClassifiedMessage(
        classified_message(str(key), START + timedelta(minutes=minutes), source=source).message,
        topic,
        0.9,
        "negative" if negative else "neutral",
        0.8,
        tuple(Mention("brand", name) for name in names),
    ),
    st.integers(),
    st.integers(0, 3000),
    st.sampled_from("ab"),
    st.booleans(),
    st.sampled_from("xy"),
    st.sets(st.sampled_from(["acme", "zeta"])),
)


@given(st.lists(texts, max_size=30))
def test_every_text_is_counted_once_in_each_width(messages: list[ClassifiedMessage]) -> None:
    counts = count(messages, negative="negative", positive="positive")
    for width in WIDTHS:
        sources = {cell: c for cell, c in counts.items() if cell.width == width and cell.by == "source"}
        assert sum(sources.values(), Counts()) == Counts(
            len(messages), sum(t.sentiment == "negative" for t in messages), 0
        )
        by_topic = Counter(text.topic for text in messages)
        for topic in by_topic:
            assert sum(c.texts for cell, c in sources.items() if cell.topic == topic) == by_topic[topic]
        cells = [c for cell, c in counts.items() if cell.width == width and cell.name == "brand:acme"]
        assert sum(c.texts for c in cells) == sum(Mention("brand", "acme") in text.entities for text in messages)
