from __future__ import annotations

import html
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import grpc
import pytest

from tests.console_site import Site, build_support, write_model
from tests.processes import wait_until
from tfapp.registry import STABLE, LabelStore

ATTACK = "<script>alert('x')</script>"


def text_of(page: str) -> str:
    """Returns what is read on a page, with single spaces."""
    body = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Outline(HTMLParser):
    """Collects what must go together on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.inline: list[str] = []
        self.headings: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.ids += [str(attributes["id"])] if "id" in attributes else []
        self.labels |= {str(attributes["for"])} if tag == "label" and "for" in attributes else set()
        self.inline += [name for name in attributes if name == "style" or name.startswith("on")]
        self.headings += [tag] if tag == "h1" else []
        if tag in ("input", "textarea", "select") and attributes.get("type") not in ("hidden", "checkbox"):
            self.fields.append(attributes)


PAGES = (
    *("/", "/train", "/runs", "/models", "/models/models/news", "/try"),
    *("/support", "/support/handovers", "/support/knowledge"),
    *("/monitor", "/monitor/alerts/1", "/monitor/texts", "/monitor/rejected", "/labelling", "/nowhere"),
    *("/recommend?user=reader-1", "/recommend/like?item=garden-roses-Old", "/recommend/rejected"),
)
TRIED = tuple(
    f"/try/models/{name}"
    for name in ("news", "places", "ranker", "reader", "minilm-l6", "stars", "similarity", "pairs")
)


@pytest.mark.parametrize(
    ("path", "own_sheets"),
    [
        ("/", []),
        ("/support", ["/static/support/pages.css"]),
        ("/monitor", ["/static/monitor/pages.css"]),
        ("/recommend", ["/static/recommend/pages.css"]),
        ("/try/models/news", ["/static/console/playground.css"]),
        (
            "/try/models/minilm-l6",
            ["/static/console/playground.css", "/static/tasks/embedding/embedding.playground.css"],
        ),
    ],
)
def test_a_page_links_the_stylesheets_that_all_share_and_its_folders_own(
    site: Site, path: str, own_sheets: list[str]
) -> None:
    links = re.findall(r'<link rel="stylesheet" href="([^"]+)">', site.get(path).text)
    assert links == ["/static/console.css", "/static/pages.css", *own_sheets]
    for link in links:
        assert site.get(link).headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("path", [*PAGES, *TRIED])
def test_a_page_is_sound(site: Site, path: str) -> None:
    outline = Outline(site.get(path).text)
    assert outline.headings == ["h1"]
    assert len(set(outline.ids)) == len(outline.ids)
    assert [field for field in outline.fields if field.get("id") not in outline.labels] == []
    assert outline.inline == []


def test_models_are_shown_with_their_cards_and_what_the_server_says(site: Site) -> None:
    site.state.endpoints["models"].client()
    text = text_of(site.get("/models").text)
    assert "news classification 2 versions, latest is 2 accuracy 0.973 – serving Try news" in text
    page = site.get("/models/models/news?version=1").text
    assert "accuracy 0.9512" in text_of(page)
    assert "<td>accuracy</td>" in page
    assert "no version 7" in text_of(site.get("/models/models/news?version=7").text)


def test_a_stable_version_is_what_is_shown_and_tried(tmp_path: Path) -> None:
    for version, accuracy in ((1, 0.91), (2, 0.97)):
        write_model(tmp_path / "models", "mail", "classification", version, metrics={"accuracy": accuracy})
    LabelStore.open(tmp_path / "models").set_label("mail", STABLE, 1, "promote", expected=None)
    site = Site(tmp_path)
    site.server.classifier("mail", lambda _: {"old": 1.0}, version=1, label=STABLE)
    site.server.classifier("mail", lambda _: {"new": 1.0}, version=2)
    with site.browser:
        site.state.endpoints["models"].client()
        assert "mail classification 2 versions, latest is 2, stable is 1 accuracy 0.910 stable 1" in text_of(
            site.get("/models").text
        )
        assert (
            '<tr class="chosen">\n      <th scope="row"><a href="?version=1">' in site.get("/models/models/mail").text
        )
        form = text_of(site.get("/try/models/mail").text)
        assert "stable is version 1, accuracy 0.910" in form
        assert "Version stable, version 1 2, not loaded 1" in form
        assert "old 100" in text_of(site.post("/try/models/mail", {"text": "x"}).text)
        assert "new 100" in text_of(site.post("/try/models/mail", {"text": "x", "version": "2"}).text)
        site.post("/try/models/mail/label", {"text": "x", "label": "old"})
        (label,) = site.state.feedback.labels.latest("mail")
        assert label.predicted == "old"


def test_an_outage_is_a_state_and_not_a_page_that_breaks(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "news", "classification")
    site = Site(tmp_path)
    with site.browser:
        site.state.endpoints["models"].client()
        for _ in range(20):
            site.server.fail(grpc.StatusCode.UNAVAILABLE, "gone")
        page = site.get("/models")
        assert (page.status_code, "no answer" in text_of(page.text)) == (200, True)
        for _ in range(20):
            site.server.fail(grpc.StatusCode.UNAVAILABLE, "gone")
        answer = site.post("/try/models/news", {"text": "x"})
        assert (answer.status_code, "The model server" in answer.text) == (503, False)
        assert "the model server does not answer" in text_of(answer.text)


def test_one_who_waits_for_a_model_holds_up_nobody(site: Site) -> None:
    request, answers = threading.Event(), threading.Event()

    def slow(text: str) -> dict[str, float]:
        request.set()
        assert answers.wait(20)
        return {"yes": 1.0}

    write_model(site.home / "models", "slow", "classification")
    site.server.classifier("slow", slow)
    token = site.token("/labelling")
    with ThreadPoolExecutor(20) as people:
        form = {"token": token, "text": "x"}
        futures = [people.submit(site.browser.post, "/try/models/slow", data=form) for _ in range(20)]
        assert request.wait(20)
        assert site.get("/models").status_code == 200
        assert not any(future.done() for future in futures)
        answers.set()
        assert {future.result(20).status_code for future in futures} == {200}


def test_a_server_that_cannot_start_says_why_and_is_tried_again(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "news", "classification")
    site = Site(tmp_path, fails=1)
    with site.browser:
        wait_until(lambda: site.state.endpoints["models"].state != "starting")
        assert "port 1 is taken" in text_of(site.get("/models").text)
        assert "money" in text_of(site.post("/try/models/news", {"text": "money"}).text)


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("news", {"text": "money money"}, "money 70.0 % money 70.0 % sport 30.0 %"),
        ("pairs", {"query": "a", "candidate": "b"}, "same 80.0 % same 80.0 % other 20.0 %"),
        (
            "ranker",
            {"query": "q", "candidates": "ten letters\n\na much longer candidate"},
            "a much longer candidate score",
        ),
        ("stars", {"texts": "four\nsix666"}, "four 0.4 six666 0.6"),
        ("similarity", {"query": "long", "candidates": "a\nlonger"}, "a 3 longer -2"),
        ("minilm-l6", {"texts": "one\ntwo\none"}, "1 one 1.00"),
    ],
)
def test_a_model_answers_by_its_task(site: Site, model: str, fields: dict[str, str], expected: str) -> None:
    answer = site.post(f"/try/models/{model}", fields)
    assert answer.status_code == 200
    assert expected in text_of(answer.text)


def test_entities_are_marked_where_they_are_beyond_the_basic_plane(site: Site) -> None:
    page = site.post("/try/models/places", {"text": "😀 to Łódź,\r\nthen Rome"}).text
    (paragraph,) = re.findall(r'<p class="marked">(.*?)</p>', page, re.DOTALL)
    words = re.sub(r"<span.*?</span>", "", paragraph)
    assert re.sub(r"<mark[^>]*>", "[", words).replace("</mark>", "]") == "😀 to [Łódź],\nthen [Rome]"


def test_an_answer_is_marked_in_its_context(site: Site) -> None:
    fields = {"question": "When?", "context": "It is on Monday & <b>not</b> later"}
    page = site.post("/try/models/reader", fields).text
    assert re.search(r"It is on <mark[^>]*>Monday<span", page)
    assert "&amp; &lt;b&gt;not&lt;/b&gt; later" in page
    assert "does not answer" in site.post("/try/models/reader", {**fields, "context": "Never"}).text


def test_a_version_can_be_chosen(site: Site) -> None:
    site.post("/try/models/news", {"text": "x", "version": "1"})
    assert site.server.requests[-1].request.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("path", "data", "complains"),
    [
        ("/try/models/news", {"text": "  "}, "text: must not be empty"),
        ("/try/models/news", {"text": "x" * 20_001}, "text: at most 20000 characters, got 20001"),
        ("/try/models/news", {"text": "x", "version": "1;2"}, "version: must be a whole number"),
        ("/try/models/minilm-l6", {"texts": "one"}, "texts: give from 2 to 100 lines, got 1"),
        ("/try/models/none", {"text": "x"}, "no model none in models"),
        ("/support/chat/c", {"question": ""}, "question: must not be empty"),
        ("/support/chat/" + "c" * 201, {"question": "x"}, "must have from 1 to 200 characters"),
        ("/support/turn/none", {"verdict": "right"}, "no turn none"),
        ("/support/turn/none", {"verdict": "maybe"}, "verdict: must be one of right, wrong, better"),
        ("/labelling", {"model": "reader"}, "model: must be one of news"),
        ("/labelling/monitor", {"model": "news"}, "model: must be one of monitor-topics, monitor-sentiment"),
        ("/labelling", {"model": "news"}, "choose a file"),
        ("/labelling/pool/none/label", {"text": "1"}, "no pool none"),
    ],
)
def test_a_mistake_is_one_line_on_a_page(site: Site, path: str, data: dict[str, str], complains: str) -> None:
    answer = site.post(path, data)
    assert answer.status_code == 400
    (line,) = re.findall(r'<p id="what-went-wrong"[^>]*>(.*?)</p>', answer.text, re.DOTALL)
    assert complains in html.unescape(line)


@pytest.mark.parametrize("data", [{"text": "x", "version": "1;2"}, {"text": "x", "version": "7"}])
def test_a_mistake_in_the_playground_leaves_its_form_as_it_was_sent(site: Site, data: dict[str, str]) -> None:
    answer = site.post("/try/models/news", data)
    assert answer.status_code in (400, 503)
    assert re.search(r'<textarea id="text"[^>]*>x</textarea>', answer.text)
    assert 'id="what-went-wrong"' in answer.text


def test_nothing_that_is_shown_becomes_a_script(tmp_path: Path, site: Site) -> None:
    folder = write_model(tmp_path / "models", "news", ATTACK, labels=[ATTACK], metrics={ATTACK: 0.5})
    (folder / "README.md").write_text(f"# {ATTACK}\n\n[x](javascript:alert(1)) <img src=x onerror=y>", encoding="utf-8")
    other_site = Site(tmp_path)
    with other_site.browser:
        pages = [other_site.get(path).text for path in ("/", "/models", "/models/models/news", "/try", f"/{ATTACK}")]
    pages.append(site.post("/try/models/news", {"text": ATTACK}).text)
    pages.append(site.post("/try/models/places", {"text": ATTACK + " Rome"}).text)
    pages.append(site.post("/support/chat/attack", {"question": ATTACK}).text)
    pages.append(site.get("/support/handovers").text)
    for page in pages:
        assert "<script>alert" not in page
        assert 'href="javascript' not in page
        assert "<img src=x" not in page
        assert Outline(page).inline == []


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/models", "tfapp demo"),
        ("/try", "tfapp demo"),
        ("/support", "tfapp support build FILE"),
        ("/monitor", "tfapp monitor run FILE.jsonl"),
        ("/recommend", "tfapp recommend items FILE"),
        ("/labelling", "tfapp feedback add"),
    ],
)
def test_what_is_missing_is_said_with_the_command_to_run(empty_site: Site, path: str, command: str) -> None:
    page = empty_site.get(path)
    assert page.status_code == 200
    assert command in text_of(page.text)


def test_an_application_that_is_built_meanwhile_is_found(empty_site: Site) -> None:
    assert "It is not set up here yet" in text_of(empty_site.get("/support").text)
    build_support(empty_site.home / "support", empty_site.server)
    assert "Ask a question as a customer would" in text_of(empty_site.get("/support").text)
