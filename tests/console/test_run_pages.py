"""The pages of runs, on run folders without a training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.test_pages import ATTACK, Outline, text_of
from tests.console_site import Site
from tests.run_folders import class_evaluation, write_run

FIRST, SECOND = "toy/20260101-000000", "toy/20260102-000000"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Site]:
    runs = tmp_path / "runs"
    write_run(runs, "20260101-000000", class_evaluation([1, 2]), dev=(0.5, 0.9))
    write_run(runs, "20260102-000000", class_evaluation([1, *range(5, 20)]), training={"epochs": 9})
    write_run(runs, "20260103-000000", finished=False)
    site = Site(tmp_path)
    with site.browser:
        yield site


def test_runs_are_listed_with_the_best(shop: Site) -> None:
    page = shop.get("/runs").text
    text = text_of(page)
    assert f"{FIRST} best on dev classification accuracy 96.7 %" in text
    assert text.count("best on dev") == 1
    assert f"{SECOND} classification accuracy 73.3" in text
    assert "toy/20260103-000000 unfinished classification – – 0.800 2 min" in text
    assert page.count("<option") == 4


def test_two_runs_are_compared(shop: Site) -> None:
    answer = shop.get("/runs/compare", params={"first": FIRST, "second": SECOND})
    text = text_of(answer.text)
    assert "The runs differ" in text
    assert f"{FIRST} and {SECOND}" in text
    assert "run 20260101-000000 is better (exact McNemar test" in text
    assert "accuracy 0.9667 (" in text
    assert "training.epochs 1 9" in text
    assert "text 2 row 3 tech money tech better" in text
    assert answer.text.count('class="line series-') == 4
    outline = Outline(answer.text)
    assert (outline.headings, outline.inline) == (["h1"], [])


@pytest.mark.parametrize("first", ["", "../secret", ATTACK, "toy/20260109-000000"])
def test_a_run_that_is_not_there_is_said(shop: Site, first: str) -> None:
    answer = shop.get("/runs/compare", params={"first": first, "second": SECOND})
    assert answer.status_code == 400
    assert "choose two of the page Runs" in text_of(answer.text)
    assert ATTACK not in answer.text


def test_without_runs_the_page_says_how_to_make_one(empty_site: Site) -> None:
    page = empty_site.get("/runs").text
    assert "There are no runs yet" in text_of(page)
    assert Outline(page).headings == ["h1"]
