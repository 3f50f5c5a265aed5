"""Tests what `tfapp monitor` draws."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.apps.monitor.test_deliveries import alert
from tests.processes import call, complaint
from tfapp.apps.monitor.output import console_sinks, show_rejected, show_trends, sparkline
from tfapp.apps.monitor.queries import Trend, TrendPoint
from tfapp.apps.monitor.tables import DeliveryRow
from tfapp.apps.monitor.windows import Counts
from tfapp.apps.shared.store import Store


def trend(*counts: tuple[int, int]) -> Trend:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    points = [TrendPoint(start + timedelta(hours=n), Counts(*pair)) for n, pair in enumerate(counts)]
    return Trend("tech", tuple(points), sum((point.counts for point in points), Counts()))


def test_a_trend_is_a_block_a_window_and_a_blank_where_there_is_nothing() -> None:
    assert sparkline(trend((8, 0), (8, 4), (0, 0), (8, 8)), 10) == "▁▅ █"


def test_where_there_is_no_room_windows_are_taken_together() -> None:
    assert sparkline(trend((9, 9), (1, 0), (0, 0), (0, 0), (4, 1)), 3) == "█ ▃"


COUNTS = {"texts": 1, "rejected": 12, "rejected_kept": 1, "repeated": 0, "alerts": 1, "undelivered": 0}


def test_what_no_sink_took_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    delivery = {"sink": "webhook", "event": "opened", "alert_id": 3, "tries": 84, "error": "https://h: answered 500"}
    row = {**delivery, "failed_at": datetime(2026, 3, 2, tzinfo=UTC)}
    counts = {**COUNTS, "undeliverable": 2}
    show_trends([], counts, "topic", undeliverable=[row], as_json=False)
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert lines[0] == "Not sent  webhook, alert 3 (opened): https://h: answered 500; given up after 84 tries"
    assert lines[1].split() == ["Not", "sent", "1", "more"]
    assert lines[2].strip() == "tfapp monitor resend queues them again"
    show_trends([], counts, "topic", undeliverable=[row], as_json=True)
    assert json.loads(capsys.readouterr().out)["undeliverable"][0]["failed_at"] == "2026-03-02T00:00:00+00:00"


def test_what_no_sink_took_is_queued_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.sqlite") as store:
        stream = alert(store, "webhook")
        store.run(lambda session: session.execute(update(DeliveryRow).values(failed_at=stream.clock())))
        result = call("monitor", "resend", 1, "--home", tmp_path)
        assert (
            result.out == "Queued    1 message; tfapp monitor run sends what is queued, one that runs already at once\n"
        ), result
        assert stream.queries.counts()["undelivered"] == 1
        assert json.loads(call("monitor", "resend", "--json", "--home", tmp_path).out) == {"queued": 0}
        assert "there is no message that no sink took" in call("monitor", "resend", "--home", tmp_path).out


def test_rows_that_are_no_longer_kept_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"source": "http", "place": "item 1", "reason": "no text", "content": "0"}
    show_rejected([row], COUNTS, as_json=False)
    lines = capsys.readouterr().out.split("\n")
    assert lines[1].strip() == "12 in total; stored: the newest 1 (set_aside_rows)"


def test_an_alert_that_has_ended_says_why_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    (sink,) = console_sinks(as_json=False)
    alert = {"headline": "phone: more negative texts", "state": "over: normal", "ended_by": "normal"}
    sink.send({"event": "ended", "alert": alert, "texts": []}, "1")
    assert capsys.readouterr().out.split() == ["Over", "phone:", "more", "negative", "texts;", "back", "to", "normal"]


def test_the_old_name_of_a_command_says_the_new_one(tmp_path: Path) -> None:
    old = call("monitor", "set-aside", "--most", 3, "--home", tmp_path)
    assert complaint(old) == "`tfapp monitor set-aside` is `tfapp monitor rejected` now"
