"""Goes from a file to a served model in a headless Chromium, as somebody who has never seen a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.console.browser import SCREENSHOTS, running_browser, running_console
from tests.console_site import Site
from tests.toy import toy_rows
from tfapp.console.console_state import ConsoleState
from tfapp.web.access import Access

pytestmark = pytest.mark.slow

WIDTHS = (1280, 400)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with running_browser() as program:
        yield program


def keep(page: Page, name: str) -> None:
    """Takes screenshots at two widths, of a page that must not be wider than the screen and breaks no rule of axe."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.screenshot(path=SCREENSHOTS / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    rules = Axe().run(page).response["violations"]
    assert [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in rules] == [], name


def mail() -> bytes:
    """A csv file with a column too many and a few faults."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "message", "topic", "shop"])
    rows = toy_rows(180)
    writer.writerows([number, row["text"], row["label"], "ab"[number % 2]] for number, row in enumerate(rows))
    writer.writerows([[900, "", "sport", "a"], [901, *rows[0].values(), "a"], [902, "no topic at all", "", "b"]])
    return out.getvalue().encode()


def test_a_file_becomes_a_served_model(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path, access=Access(port=0), state=ConsoleState(tmp_path))
    with running_console(site) as address:
        # axe puts a script into the page, which the console's policy forbids.
        page = browser.new_context(base_url=address, bypass_csp=True).new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto("/")
        page.get_by_role("link", name="Train", exact=True).click()
        keep(page, "train-empty")
        page.get_by_label("File").set_input_files({"name": "my mail.csv", "mimeType": "text/csv", "buffer": mail()})
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("heading", name="my-mail.csv")).to_be_visible()
        expect(page.get_by_label("Column of the texts")).to_have_value("message")
        expect(page.get_by_label("Column of the labels")).to_have_value("topic")
        expect(page.get_by_text("sport (61)")).to_be_visible()
        keep(page, "train-file")
        page.get_by_label("Column of the labels").select_option("shop")
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_label("Column of the labels")).to_have_value("shop")
        keep(page, "train-corrected")
        page.get_by_label("Column of the labels").select_option("topic")
        page.get_by_role("button", name="Update").click()
        expect(page.get_by_text("sport (61)")).to_be_visible()
        page.get_by_role("radio", name="fast").check()
        page.get_by_label("Name of the model").fill("topics")
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_role("heading", name="Training", exact=True)).to_be_visible(timeout=20_000)
        keep(page, "train-running")
        expect(page.get_by_role("heading", name="Finished", exact=True)).to_be_visible(timeout=240_000)
        expect(page.get_by_role("link", name="Try it")).to_be_visible(timeout=60_000)
        keep(page, "train-done")
        page.get_by_role("link", name="Report").click()
        expect(page.get_by_role("heading", name="topics")).to_be_visible()
        page.screenshot(path=SCREENSHOTS / "train-report.png")
        page.go_back()
        page.get_by_role("link", name="Try it").click()
        page.get_by_label("Text", exact=True).fill("the coach and the team win a match")
        page.get_by_role("button", name="Run").click()
        expect(page.locator("#answer .headline")).to_contain_text("sport", timeout=20_000)
        page.goto("/train")
        expect(page.get_by_role("link", name="1: my-mail.csv")).to_be_visible()
        keep(page, "train-list")
        assert faults == []
    assert (tmp_path / "models" / "topics" / "1" / "saved_model.pb").is_file()


def start_for_a_minute(page: Page, screenshot: str) -> None:
    """Starts a training of the uploaded file, fast and for one minute at most."""
    page.goto("/train")
    page.get_by_role("link", name="my-mail.csv", exact=True).click()
    page.get_by_role("radio", name="fast").check()
    page.get_by_label("Minutes at most").fill("1")
    page.get_by_label("Name of the model").fill("topics")
    keep(page, screenshot)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("heading", name="Training", exact=True)).to_be_visible(timeout=20_000)


def test_a_training_of_a_minute_is_cancelled_and_started_again(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path, access=Access(port=0), state=ConsoleState(tmp_path))
    with running_console(site) as address:
        page = browser.new_context(base_url=address, bypass_csp=True).new_page()
        page.goto("/train")
        page.get_by_label("File").set_input_files({"name": "my mail.csv", "mimeType": "text/csv", "buffer": mail()})
        page.get_by_role("button", name="Upload").click()
        start_for_a_minute(page, "train-minutes")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Cancelled", exact=True)).to_be_visible(timeout=60_000)
        keep(page, "train-cancelled")
        assert not list(tmp_path.glob("models/*/*/saved_model.pb"))
        start_for_a_minute(page, "train-again")
        expect(page.get_by_text("output layer alone").first).to_be_visible(timeout=60_000)
        expect(page.get_by_role("heading", name="Finished", exact=True)).to_be_visible(timeout=240_000)
        keep(page, "train-minutes-done")
        page.get_by_role("link", name="Report").click()
        expect(page.get_by_role("heading", name="What was chosen, and why")).to_be_visible()
        page.screenshot(path=SCREENSHOTS / "train-minutes-report.png", full_page=True)
        page.goto("/train")
        keep(page, "train-minutes-list")
        expect(page.get_by_role("row", name="1: my-mail.csv")).to_contain_text("cancelled")
        expect(page.get_by_role("row", name="2: my-mail.csv")).not_to_contain_text("cancelled")
    assert (tmp_path / "models" / "topics" / "1" / "saved_model.pb").is_file()
