from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.console.test_pages import ATTACK, text_of
from tests.console_site import Site
from tests.processes import wait_until
from tfapp.console.pages.labelling import BackgroundScoring

TEXTS = ["money money money", "money match", "match match match money", "match match match match"]


def pool_of(site: Site, name: str, texts: list[str], model: str = "news") -> str:
    """Uploads a pool, waits until it is scored, and gives its path."""
    rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    answer = site.post("/labelling", {"model": model, "name": "Ann"}, files={"file": (name, rows.encode())})
    path = str(answer.url.path)
    pools = site.state.feedback.pools
    pool = pools.get(path.rpartition("/")[2])
    wait_until(lambda: pools.progress(pool).scored == len(texts))
    return path


def text_to_label(page: str) -> str:
    (text,) = re.findall(r'id="to-label"[^>]*>(.*?)</p>', page, re.DOTALL)
    return str(text)


def number(page: str) -> str:
    return re.findall(r'name="text" value="(\d+)"', page)[0]


def test_the_least_certain_text_comes_first_and_its_label_is_kept(site: Site) -> None:
    path = pool_of(site, "one.jsonl", TEXTS)
    page = site.get(path).text
    assert text_to_label(page) == "money match"
    (link,) = re.findall(r'href="(/static/console/[^"]+)"', page)
    assert ".to-label" in site.get(link).text
    assert "The model says money (50.0 %) · uncertainty 1.00" in text_of(page)
    answer = site.post(f"{path}/label", {"text": number(page), "label": "sport", "by": "margin"})
    assert text_to_label(answer.text) == "match match match money"
    assert "1 of 4 labelled" in text_of(answer.text)
    answer = site.post(f"{path}/skip", {"text": number(answer.text), "by": "entropy"})
    assert text_to_label(answer.text) == "money money money"
    rows = [json.loads(line) for line in site.get("/labelling/export/news").text.splitlines()]
    (row,) = [row for row in rows if row["text"] == "money match"]
    assert (row["label"], row["predicted"], row["score"], row["given_by"]) == ("sport", "money", 0.5, "Ann")
    assert row["version"] == 2


def test_a_label_can_be_taken_back_and_be_a_new_one(site: Site) -> None:
    path = pool_of(site, "two.jsonl", ["match against money"])
    page = site.get(path).text
    answer = site.post(f"{path}/label", {"text": number(page), "label": "money", "other": " culture ", "by": "margin"})
    assert "culture match against money" in text_of(answer.text)
    undo_answer = site.post(f"{path}/undo", {"text": "match against money", "by": "margin"})
    assert text_to_label(undo_answer.text) == "match against money"


def test_two_people_are_not_shown_the_same_text(site: Site) -> None:
    path = pool_of(site, "three.jsonl", ["a money match", "b money match"])
    other_site = Site(site.home, server=site.server)
    other_site.app = site.app
    first = text_to_label(site.get(path).text)
    site.browser.cookies.clear()
    second = text_to_label(site.get(path).text)
    assert {first, second} == {"a money match", "b money match"}


def test_of_several_labels_none_is_an_answer(site: Site) -> None:
    path = pool_of(site, "topics.jsonl", ["My parcel is late"], model="topics")
    page = site.get(path).text
    assert site.state.feedback.pools.get(path.rpartition("/")[2]).multi_label
    assert page.count('type="checkbox"') == 3
    site.post(f"{path}/label", {"text": number(page), "label": ["billing", "returns"], "by": "margin"})
    (row,) = (json.loads(line) for line in site.get("/labelling/export/topics").text.splitlines())
    assert row["label"] == ["billing", "returns"]


@pytest.mark.parametrize(
    ("name", "content", "complains"),
    [
        ("x.exe", b"text\nx\n", "x.exe: must end with one of .csv, .tsv, .jsonl, .ndjson"),
        ("../../etc/x.csv", b"number\n1\n", "x.csv: no column holds texts"),
        ("x.csv", b"", "the file is empty"),
        ("x.csv", b"\xff\xfe\x00", "is not utf-8"),
        ("x.jsonl", b"[]\n{\n", "no column holds texts"),
    ],
)
def test_a_file_that_is_no_pool_is_told(site: Site, name: str, content: bytes, complains: str) -> None:
    answer = site.post("/labelling", {"model": "news"}, files={"file": (name, content)})
    assert answer.status_code == 400
    assert complains in text_of(answer.text)


def test_what_a_file_is_called_names_no_file_and_is_shown_as_text(site: Site) -> None:
    files = {"file": (f"..\\..\\{ATTACK.replace('/', '')}.csv", f"text\n{ATTACK}\n".encode())}
    page = site.post("/labelling", {"model": "news", "name": ATTACK}, files=files)
    assert page.status_code == 200
    for text in (page.text, site.get("/labelling").text):
        assert "<script>alert" not in text
    assert not list(Path.cwd().glob("*script*"))


def test_while_its_model_cannot_be_asked_a_pool_can_be_labelled_all_the_same(site: Site) -> None:
    path = pool_of(site, "four.jsonl", ["money for a match"])
    failing_site = Site(site.home, server=site.server, fails=99)
    page = failing_site.get(path).text
    assert text_to_label(page) == "money for a match"
    assert re.findall(r'<span class="choice-name">(\w+)</span>', page) == ["money", "sport"]


def test_a_new_version_is_asked_about_what_waits(site: Site) -> None:
    path, pools = pool_of(site, "versions.jsonl", ["money or match, new"]), site.state.feedback.pools
    pool = pools.get(path.rpartition("/")[2])
    site.server.classifier("news", lambda _text: {"money": 0.01, "sport": 0.99}, version=3)
    BackgroundScoring(site.state).keep_up(pool)
    wait_until(lambda: pools.least_certain(pool)[0].version == 3)
    assert pools.least_certain(pool)[0].predicted == "sport"
