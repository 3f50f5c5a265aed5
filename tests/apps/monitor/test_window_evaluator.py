from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from tests.apps.monitor.stream import HOUR, START, Stream, classified_message
from tfapp.apps.monitor.tables import DeliveryRow, DetectorStateRow
from tfapp.apps.shared.store import Store


def deliveries(store: Store) -> list[tuple[str, int]]:
    query = select(DeliveryRow.event, func.count()).group_by(DeliveryRow.event).order_by(DeliveryRow.event)
    return store.run(lambda session: [tuple(row) for row in session.execute(query)])  # type: ignore[misc]


def calm(stream: Stream, hours: int = 8) -> None:
    for hour in range(hours):
        stream.hour(hour, 20, 4)
        stream.hour(hour, 20, 4, topic="parcel")


def test_a_surge_is_one_alert_of_its_topic_with_its_texts(store: Store) -> None:
    stream = Stream(store)
    calm(stream)
    for hour in range(8, 13):
        stream.hour(hour, 20, 16)
        stream.hour(hour, 20, 4, topic="parcel")
        stream.evaluator.evaluate()
    assert stream.headlines() == [("phone", 8, "open")]
    (alert,) = stream.queries.alerts()
    texts = stream.queries.texts_of(alert)
    assert [text.text for text in texts] == [f"phone phone8-{n}" for n in range(5)]
    assert {text.sentiment for text in texts} == {"negative"}
    assert alert.headline.startswith("phone: negative share from 20% to 80% since 2026-03-02 08:00 UTC (16 of 20 texts")
    assert deliveries(store) == [("opened", 1)]
    stream.hour(13, 20, 4)
    stream.hour(14, 20, 4)
    stream.evaluator.evaluate(final=True)
    assert stream.headlines() == [("phone", 8, "over: normal")]
    assert deliveries(store) == [("ended", 1), ("opened", 1)]


def test_a_window_is_judged_when_it_is_over_and_lateness_has_passed(sqlite: Store) -> None:
    stream = Stream(sqlite, lateness_minutes=30)
    calm(stream)
    stream.hour(8, 20, 16)
    stream.keep([classified_message("next", START + 9 * HOUR + timedelta(minutes=29))])
    assert stream.evaluator.evaluate() == 0
    stream.keep([classified_message("later", START + 9 * HOUR + timedelta(minutes=30))])
    assert stream.evaluator.evaluate() == 1
    assert stream.evaluator.evaluate() == 0


def test_a_silent_stream_is_judged_by_the_clock(sqlite: Store) -> None:
    stream = Stream(sqlite)
    calm(stream)
    stream.hour(8, 20, 16)
    assert stream.evaluator.evaluate() == 0
    assert stream.evaluator.evaluate(idle=True) == 1


def test_late_texts_are_judged_in_their_window(sqlite: Store) -> None:
    stream = Stream(sqlite)
    calm(stream)
    stream.hour(8, 4, 1)
    for hour in range(9, 12):
        stream.hour(hour, 20, 4)
    stream.evaluator.evaluate()
    assert stream.headlines() == []
    stream.hour(8, 30, 30, tag="late")
    assert stream.evaluator.evaluate() == 1
    assert stream.headlines() == [("phone", 8, "over: normal")]


def test_late_texts_take_an_alert_back_and_give_it_again_without_a_second_one(store: Store) -> None:
    stream = Stream(store)
    calm(stream)
    stream.hour(8, 10, 9)
    stream.keep([classified_message("end", START + 9 * HOUR)])
    stream.evaluator.evaluate()
    assert stream.headlines() == [("phone", 8, "open")]
    stream.hour(8, 40, 0, tag="late")
    stream.evaluator.evaluate()
    assert stream.headlines() == [("phone", 8, "over: late texts")]
    stream.hour(8, 90, 90, tag="later")
    stream.evaluator.evaluate()
    assert stream.headlines() == [("phone", 8, "open")]
    assert deliveries(store) == [("ended", 1), ("opened", 1)]


def test_late_texts_that_move_the_start_make_no_second_alert(sqlite: Store) -> None:
    stream = Stream(sqlite)
    calm(stream)
    stream.hour(8, 20, 5)
    for hour in (9, 10, 11):
        stream.hour(hour, 20, 16)
        stream.evaluator.evaluate()
    stream.hour(8, 40, 40, tag="late")
    stream.evaluator.evaluate(final=True)
    assert [(topic, state) for topic, _, state in stream.headlines()] == [("phone", "open")]
    assert deliveries(sqlite) == [("opened", 1)]


def test_judging_at_once_or_in_steps_comes_to_the_same(sqlite: Store) -> None:
    steps = Stream(sqlite)
    shares = [4] * 10 + [15] * 4 + [4] * 8 + [16] * 3
    for hour, negatives in enumerate(shares):
        steps.hour(hour, 20, negatives)
        steps.evaluator.evaluate()
    steps.evaluator.evaluate(final=True)
    states = select(DetectorStateRow.start, DetectorStateRow.state).where(DetectorStateRow.subject == "rise:phone")

    def read() -> list[tuple[object, ...]]:
        return [tuple(row) for row in sqlite.run(lambda session: list(session.execute(states.order_by("start"))))]

    reads, alerts = read(), steps.headlines()
    # All windows anew, as if the first text had come last.
    steps.keep([classified_message("first", START, topic="phone", negative=False)])
    steps.evaluator.evaluate(final=True)
    assert steps.headlines() == alerts == [("phone", 10, "over: normal"), ("phone", 22, "open")]
    assert len(read()) == len(reads)


def test_drift_of_words_and_lengths_is_an_alert_of_its_own_with_its_texts(sqlite: Store) -> None:
    stream = Stream(sqlite, drift_reference=60, drift_texts=10)
    draw = [f"phone screen button number{n % 7} works" for n in range(200)]
    for hour in range(8):
        texts = [classified_message(f"{hour}-{n}", START + hour * HOUR, text=draw[hour * 20 + n]) for n in range(20)]
        stream.keep(texts)
    stream.evaluator.evaluate()
    assert stream.headlines() == []
    strange = [classified_message(f"s{n}", START + 8 * HOUR, text=f"qwx zzz yyy{n}") for n in range(20)]
    stream.keep(strange)
    stream.evaluator.evaluate(final=True)
    assert sorted(stream.headlines()) == [("length", 8, "open"), ("vocabulary", 8, "open")]
    alert = stream.queries.alerts(kind="vocabulary")[0]
    assert {text.text[:3] for text in stream.queries.texts_of(alert)} == {"qwx"}
    assert "share of unknown words from" in alert.headline


def test_a_long_stream_may_be_judged_at_once_but_old_windows_are_not_judged_anew(sqlite: Store) -> None:
    stream = Stream(sqlite, history=4)
    for hour in range(60):
        stream.hour(hour, 20, 16 if hour in (20, 21) else 4)
    assert stream.evaluator.evaluate(final=True) == 1
    assert stream.headlines() == [("phone", 20, "over: normal")]
    stream.hour(30, 60, 60, tag="late")
    assert stream.evaluator.evaluate(final=True) == 0
    stream.hour(50, 60, 60, tag="late")
    assert stream.evaluator.evaluate(final=True) == 1
    assert stream.headlines()[1:] == [("phone", 50, "over: normal")]
    assert sum(point.counts.texts for point in stream.queries.trends(last=60)[0].points) == 60 * 20 + 120


def test_a_drift_that_lasts_becomes_the_reference(sqlite: Store) -> None:
    stream = Stream(sqlite, history=4, drift_reference=60, drift_texts=10)
    for hour in range(14):
        words = "phone screen works" if hour < 6 else "parcel came late"
        texts = [classified_message(f"{hour}-{n}", START + hour * HOUR, text=f"{words} {n % 5}") for n in range(20)]
        stream.keep(texts)
        stream.evaluator.evaluate()
    stream.evaluator.evaluate(final=True)
    assert stream.headlines() == [("vocabulary", 6, "over: lasting")]
    stream.keep(
        [classified_message(f"back{n}", START + 14 * HOUR, text=f"phone screen works {n % 5}") for n in range(20)]
    )
    stream.evaluator.evaluate(final=True)
    assert stream.headlines()[1:] == [("vocabulary", 14, "open")]


@pytest.mark.parametrize("time", [datetime.min, datetime.max])
def test_texts_of_the_first_and_the_last_time_that_are_stored_already_stop_nothing(
    sqlite: Store, time: datetime
) -> None:
    stream = Stream(sqlite, lateness_minutes=1e12)
    stream.keep([classified_message("far", time.replace(tzinfo=UTC))])
    stream.evaluator.evaluate(final=True)
    stream.queries.trends(last=100)
    calm(stream)
    stream.hour(8, 20, 16)
    stream.evaluator.evaluate(idle=True)
    stream.evaluator.evaluate(final=True)
    assert ("phone", 8, "open") in stream.headlines()
    total = sum(trend.total.texts for trend in stream.queries.trends(last=10_000))
    assert total == 1 if time == datetime.max else total == 8 * 40 + 20


def test_a_topic_that_cannot_be_judged_is_set_aside_and_the_others_are_judged(
    sqlite: Store, caplog: pytest.LogCaptureFixture
) -> None:
    stream = Stream(sqlite)
    calm(stream)
    stream.evaluator.evaluate(final=True)
    statement = update(DetectorStateRow).where(DetectorStateRow.subject == "rise:parcel").values(state={"x": 1})
    sqlite.run(lambda session: session.execute(statement))
    for topic in ("phone", "parcel"):
        stream.hour(8, 20, 16, topic=topic)
    stream.evaluator.evaluate(final=True)
    assert stream.headlines() == [("phone", 8, "open")]
    (row,) = stream.queries.rejected_rows()
    assert "the topic parcel since 2026-03-02T08:00:00+00:00" in str(row["place"])
    assert "its windows could not be evaluated: KeyError" in str(row["reason"])
    caplog.clear()
    stream.evaluator.evaluate(final=True)
    assert caplog.text == ""
