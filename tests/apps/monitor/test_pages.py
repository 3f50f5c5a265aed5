from __future__ import annotations

import html
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.console.test_pages import text_of
from tests.console_site import Site
from tests.processes import wait_until
from tfapp.apps.monitor.pages import MONITOR
from tfapp.apps.monitor.tables import DeliveryRow, ProgressRow, RejectedMessageRow


def test_the_dashboard_shows_trends_and_alerts(site: Site) -> None:
    page = site.get("/monitor").text
    text = text_of(page)
    assert "phone: negative share from" in text
    assert "Open alerts 0 1 in total" in text
    assert re.search(r"phone 616 texts of phone 2\d\.\d %", text)
    topic_text = text_of(site.get("/monitor?topic=phone").text)
    assert "phone, negative expected alert" in topic_text
    assert "parcel" not in topic_text
    lines = re.findall(r'<path class="line series-(\d)" d="(M[^"]+)"', page)
    assert [color for color, _ in lines[:2]] == ["1", "2"]
    assert page.count('class="band"') == 2
    assert 'href="/monitor/alerts/1"' in page


@pytest.mark.parametrize(
    ("query", "expected"), [("by=source", "forum"), ("by=entity", "No entities yet"), ("window=day", "phone")]
)
def test_it_looks_at_sources_entities_and_other_windows(site: Site, query: str, expected: str) -> None:
    assert expected in text_of(site.get(f"/monitor?{query}").text)


def test_an_alert_opens_the_texts_that_show_it(site: Site) -> None:
    text = text_of(site.get("/monitor/alerts/1").text)
    assert text.count("The phone dies after two hours, a bad joke.") == 20
    assert "sharp" not in text
    assert "ended: back to normal" in text
    assert "no alert 77" in text_of(site.get("/monitor/alerts/77").text)
    assert site.get("/monitor/alerts/x").status_code == 404


def test_texts_are_found_by_what_was_said_of_them_and_shown_as_text(site: Site) -> None:
    page = site.get("/monitor/texts?topic=parcel&sentiment=negative&source=forum&entity=").text
    assert "in the rain &lt;b&gt;again&lt;/b&gt;." in page
    assert "phone" not in text_of(re.findall(r'<section class="card" id="texts".*?</section>', page, re.DOTALL)[0])
    assert "No texts match." in text_of(site.get("/monitor/texts?topic=%3Cscript%3E").text)
    assert html.escape("<script>") in site.get("/monitor/texts?topic=%3Cscript%3E").text


def test_a_wrong_address_is_one_line(site: Site) -> None:
    page = site.get("/monitor?by=x<y")
    assert (page.status_code, "by: must be one of topic, source, entity" in text_of(page.text)) == (400, True)


def test_its_texts_become_a_pool(site: Site) -> None:
    answer = site.post("/labelling/monitor", {"model": "monitor-topics"})
    pools = site.state.feedback.pools
    pool = pools.get(str(answer.url.path).rpartition("/")[2])
    wait_until(lambda: pools.progress(pool).scored > 60)
    assert (pool.name, pool.model) == ("texts of the monitor", "monitor-topics")


def test_what_no_sink_took_and_what_is_no_longer_kept_is_shown(site: Site) -> None:
    monitor = site.state.session(MONITOR)
    assert monitor is not None
    store = monitor.store
    values = {"sink": "webhook", "event": "ended", "payload": {}, "tries": 84, "error": "https://h: answered 500"}
    now = datetime(2026, 3, 2, tzinfo=UTC)
    row = DeliveryRow(key="k", alert_id=1, due_at=now, failed_at=now, **values)
    store.run(lambda session: session.merge(row))
    rejected_row = RejectedMessageRow(
        key="k", source="http", place="item 1", reason="no text", content="0", stored_at=now
    )
    store.run(lambda session: session.merge(rejected_row))
    store.run(lambda session: session.execute(update(ProgressRow).values(rejected=ProgressRow.rejected + 7)))
    text = text_of(site.get("/monitor").text)
    assert "1, ended webhook 84 https://h: answered 500" in text
    assert "tfapp monitor resend queues them again." in text
    assert "Undeliverable 1 notifications that no sink accepted" in text
    assert "7 in total; stored: the newest 1." in text_of(site.get("/monitor/rejected").text)
    assert 'href="/monitor/rejected"' in site.get("/monitor").text
    old = site.get("/monitor/set-aside", follow_redirects=False)
    assert (old.status_code, old.headers["location"]) == (301, "/monitor/rejected")
