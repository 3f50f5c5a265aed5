"""The console in a headless Chromium: what people see, on a desk and on a phone; the screenshots are kept."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.apps.monitor.stream import Stream
from tests.console.browser import SCREENSHOTS, running_browser, running_console
from tests.console_site import Site
from tests.run_folders import class_evaluation, write_run
from tfapp.apps.shared.store import Store
from tfapp.apps.support.pages import SUPPORT
from tfapp.web.access import Access

pytestmark = pytest.mark.slow

# Of a machine that does other work, too.
expect.set_options(timeout=20_000)

CHANGED = {"training": {"epochs": 9, "learning_rate": 5e-5}}
COMPARED = "/runs/compare?first=messages/20260101-090000&second=messages/20260102-090000"
SIZES: dict[str, dict[str, Any]] = {
    "desk": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 375, "height": 740},
        "device_scale_factor": 2,
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
    },
}


@pytest.fixture(scope="module")
def site(ready_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    home = Path(shutil.copytree(ready_home, tmp_path_factory.mktemp("home") / "shop"))
    write_run(home / "runs", "20260101-090000", class_evaluation([1, 2]), dev=(0.5, 0.7, 0.9), name="messages")
    write_run(home / "runs", "20260102-090000", class_evaluation([1, *range(5, 20)]), name="messages", **CHANGED)
    return Site(home, access=Access(port=0))


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    with running_console(site) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_browser() as program:
        yield program


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    """A page on a desk and on a phone; scripts that fail and what the policy forbids fail the test."""
    context = browser.new_context(base_url=address, **SIZES[request.param])
    tab = context.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda message: complaints.append(message.text) if is_fault(message) else None)
    tab.set_default_timeout(10_000)
    tab.size = request.param  # type: ignore[attr-defined]
    yield tab
    context.close()
    assert complaints == []


def is_fault(message: ConsoleMessage) -> bool:
    """Returns whether it is more than an answer of 409, which browsers write down and the page is made for."""
    return message.type == "error" and "409 (Conflict)" not in message.text


def keep(page: Page, name: str) -> None:
    """Takes a screenshot, of a page that must not be wider than the screen once its style sheets are there."""
    page.wait_for_load_state()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[page.size]["viewport"]["width"], name  # type: ignore[attr-defined]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{page.size}.png")  # type: ignore[attr-defined]


def test_models_and_their_live_states(page: Page, site: Site) -> None:
    page.goto("/models")
    row = page.get_by_role("row").filter(has_text="news")
    expect(row.get_by_text("serving")).to_be_visible()
    keep(page, "models")
    row.get_by_role("link", name="news", exact=True).click()
    expect(page.get_by_role("heading", name="Model card of version 2")).to_be_visible()
    keep(page, "model")


def test_two_runs_beside_each_other(page: Page) -> None:
    page.goto("/runs")
    expect(page.get_by_text("best on dev")).to_be_visible()
    keep(page, "runs")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="The runs differ")).to_be_visible()
    expect(page.get_by_text("training.epochs")).to_be_visible()
    keep(page, "run-comparison")


@pytest.mark.parametrize(
    ("model", "fields", "answer"),
    [
        ("news", {"Text": "Money for the match winners"}, "money"),
        ("places", {"Text": "From Berlin 😀 to Łódź and on to Rome"}, "Łódź"),
        ("ranker", {"Query": "returns", "Candidates": "We take Visa.\nSend it back within thirty days."}, "80.0 %"),
        ("reader", {"Question": "When?", "Context": "The parcel comes on Monday."}, "Monday"),
        ("minilm-l6", {"Texts": "return shoes\nreturn a lamp\nwhich cards"}, "1.00"),
    ],
)
def test_a_model_is_tried(page: Page, model: str, fields: dict[str, str], answer: str) -> None:
    page.goto(f"/try/models/{model}")
    for label, text in fields.items():
        page.get_by_label(label, exact=True).fill(text)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer")).to_contain_text(answer)
    keep(page, f"playground-{model}")


def test_the_chat_answers_hands_over_and_gets_a_persons_answer(page: Page, browser: Browser) -> None:
    page.goto("/support")
    question = page.get_by_label("Question")
    expect(question).to_be_focused()
    for number, text in enumerate(("How do I send shoes back?", "Which cards do you take?"), start=1):
        question.fill(text)
        question.press("Enter")
        expect(page.locator(".turn")).to_have_count(number)
        expect(question).to_have_value("")
    page.get_by_text("1 source").last.click()
    expect(page.get_by_text("faq.csv, line 5")).to_be_visible()
    page.get_by_role("button", name="Right").last.click()
    expect(page.get_by_text("Marked right")).to_be_visible()
    wording = f"Do you wrap gifts for {page.size}s?"  # type: ignore[attr-defined]
    question.fill(wording)
    question.press("Enter")
    expect(page.get_by_text("handed over to a person")).to_be_visible()
    keep(page, "chat")
    # Somebody else answers in the queue, and the chat shows it without being loaded again.
    inbox = page.context.new_page()
    inbox.goto("/support/handovers")
    handover = inbox.locator(".handover").filter(has_text=wording).first
    handover.get_by_label("Your answer").fill("We do, for two euros.")
    inbox.size = page.size  # type: ignore[attr-defined]
    keep(inbox, "handovers")
    handover.get_by_role("button", name="Answer", exact=True).click()
    expect(handover).to_have_count(0)
    inbox.close()
    expect(page.get_by_text("We do, for two euros.")).to_be_visible()


def test_two_people_answer_one_hand_over(page: Page, site: Site) -> None:
    session = site.state.session(SUPPORT)
    assert session is not None
    text = f"Do owls read on {page.size}s?"  # type: ignore[attr-defined]
    reply = session.assistant().ask(text, f"owls-{page.size}")  # type: ignore[attr-defined]
    page.goto("/support/handovers")
    card = page.locator(".handover").filter(has_text=text).first
    card.get_by_label("Your answer").fill("They prefer a desk.")
    # The next time that the page renews itself leaves alone what is being written.
    session.service.correct(reply.turn, "better", better="They do, at night.")
    with page.expect_response("**/support/handovers"):
        pass
    answer = card.get_by_role("button", name="Answer", exact=True)
    answer.click()
    expect(card.get_by_text("They do, at night.")).to_be_visible()
    expect(card.get_by_label("Your answer")).to_have_value("They prefer a desk.")
    keep(page, "handover-conflict")
    with page.expect_response("**/support/handovers"):
        pass
    expect(card.get_by_label("Your answer")).to_have_value("They prefer a desk.")
    card.get_by_role("button", name="Replace their answer").click()
    expect(card).to_have_count(0)
    page.goto(f"/support/chat/owls-{page.size}")  # type: ignore[attr-defined]
    expect(page.get_by_text("They prefer a desk.")).to_be_visible()


def test_an_alert_opens_the_texts_behind_it(page: Page) -> None:
    page.goto("/monitor")
    expect(page.get_by_role("img", name="Share of negative texts")).to_be_visible()
    keep(page, "monitor")
    page.get_by_role("link", name="phone: negative share from").click()
    expect(page.get_by_role("heading", name="Texts behind this alert")).to_be_visible()
    expect(page.get_by_text("a bad joke").first).to_be_visible()
    keep(page, "monitor-alert")
    page.goto("/monitor/texts?topic=parcel&sentiment=negative")
    expect(page.get_by_text("left in the rain <b>again</b>").first).to_be_visible()
    keep(page, "monitor-texts")


def test_a_list_says_why(page: Page) -> None:
    page.goto("/recommend")
    page.get_by_label("User").fill("reader-0")
    page.get_by_role("button", name="Recommend").click()
    expect(page.get_by_role("heading", name="For reader-0")).to_be_visible()
    expect(page.locator(".because").first).to_contain_text(re.compile("similar to|liked together"))
    keep(page, "recommend")
    page.get_by_role("link", name=re.compile("More like this")).first.click()
    expect(page.get_by_role("heading", name="Items like")).to_be_visible()


def test_a_chart_shows_what_comes_in(browser: Browser, ready_home: Path, tmp_path: Path) -> None:
    shutil.copytree(ready_home / "monitor", tmp_path / "monitor")
    with running_console(Site(tmp_path, access=Access(port=0))) as address:
        tab = browser.new_context().new_page()
        tab.goto(f"{address}/monitor")
        path = tab.locator(".line").first.get_attribute("d") or ""
        with Store.open(tmp_path / "monitor" / "store.sqlite") as store:
            Stream(store).hour(45, 20, 20)
        expect(tab.locator(".line").first).not_to_have_attribute("d", path)
        tab.context.close()


def test_texts_are_labelled_by_keyboard(page: Page, site: Site) -> None:
    rows = [f"Money for match {number}" if number % 2 else f"Money, money {number}" for number in range(12)]
    content = "".join(json.dumps({"text": f"{row} on the {page.size}"}) + "\n" for row in rows).encode()  # type: ignore[attr-defined]
    page.goto("/labelling")
    name = f"messages-{page.size}.jsonl"  # type: ignore[attr-defined]
    page.get_by_label("File").set_input_files({"name": name, "mimeType": "application/jsonl", "buffer": content})
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("0 of 12 labelled")).to_be_visible()
    page.get_by_role("link", name="Smallest margin").click()
    # Keys that are pressed before the page's script is there are nobody's.
    page.wait_for_url("**by=margin")
    expect(page.locator("#to-label")).to_contain_text("Money for match")
    page.keyboard.press("1")
    expect(page.get_by_text("1 of 12 labelled")).to_be_visible()
    skipped_text = page.locator("#to-label").inner_text()
    page.keyboard.press("s")
    expect(page.locator("#to-label")).not_to_have_text(skipped_text)
    page.get_by_label("A new label").fill("culture 1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 12 labelled")).to_be_visible()
    keep(page, "labelling-pool")
    page.goto("/labelling")
    pool = page.get_by_role("article").filter(has_text=name)
    expect(pool.get_by_text("2 labelled, 1 skipped, 9 waiting")).to_be_visible()
    keep(page, "labelling")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Export jsonl of news")).click()
    assert Path(download.value.path()).read_text().count('"given_by": "Ann"') >= 2


def test_the_first_page_shows_what_waits(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    keep(page, "overview")


def test_all_is_reached_by_keyboard(page: Page) -> None:
    page.goto("/models")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    inside = page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert inside


LOOKED_AT = (
    *("/", "/train", "/runs", COMPARED),
    *("/models", "/models/models/news", "/try", "/try/models/news", "/try/models/minilm-l6"),
    *("/support/chat/new", "/support/handovers", "/support/knowledge", "/monitor", "/monitor/alerts/1"),
    *("/monitor/texts", "/recommend?user=reader-1", "/labelling"),
)


@pytest.mark.parametrize("size", SIZES)
def test_no_rule_of_accessibility_is_broken(browser: Browser, address: str, size: str) -> None:
    """The rules are axe-core's, contrast of both colour schemes included."""
    # axe puts a script into the page, which the console's policy forbids.
    tab = browser.new_context(base_url=address, bypass_csp=True, **SIZES[size]).new_page()
    violations = {}
    for path in LOOKED_AT:
        tab.goto(path)
        rules = Axe().run(tab).response["violations"]
        violations |= {(path, rule["id"]): [node["target"] for node in rule["nodes"]] for rule in rules}
    tab.context.close()
    assert violations == {}


def test_a_console_that_stopped_is_told(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path, access=Access(port=0))
    with running_console(site) as address:
        tab = browser.new_context().new_page()
        tab.goto(f"{address}/models")
    expect(tab.get_by_text("The console does not answer; is it running?")).to_be_visible(timeout=15_000)
    tab.context.close()


def test_texts_do_not_become_scripts(page: Page) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.goto("/try/models/news")
    page.get_by_label("Text", exact=True).fill("<img src=x onerror=alert(1)><script>alert(2)</script>")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#answer .headline")).to_be_visible()
    page.goto("/support")
    page.get_by_label("Question").fill("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    expect(page.locator(".asked")).to_have_text("You: <img src=x onerror=alert(1)>")
    assert page.locator("#log img").count() == 0


def test_the_password_is_asked_for(browser: Browser, tmp_path: Path) -> None:
    site = Site(tmp_path, access=Access(port=0, password="correct horse"))
    with running_console(site) as address:
        tab = browser.new_context().new_page()
        tab.goto(f"{address}/labelling")
        tab.get_by_label("Password").fill("correct horse")
        tab.size = "desk"  # type: ignore[attr-defined]
        keep(tab, "login")
        tab.get_by_role("button", name="Log in").click()
        expect(tab.get_by_role("heading", name="Labelling")).to_be_visible()
        tab.get_by_role("button", name="Log out").click()
        expect(tab.get_by_label("Password")).to_be_visible()
        tab.context.close()
