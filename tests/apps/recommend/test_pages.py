from __future__ import annotations

import re

from tests.console.test_pages import ATTACK, text_of
from tests.console_site import Site


def titles(page: str) -> list[str]:
    return re.findall(r'class="suggestion-title">(.*?)<', page)


def test_a_user_gets_a_list_with_its_reasons(site: Site) -> None:
    page = site.get("/recommend?user=reader-0&k=5").text
    text = text_of(page)
    assert "For reader-0 Based on 7 past items" in text
    assert len(titles(page)) == 5
    assert re.search(r"(similar to|liked together with) (Quick|Old) \w+ 0\.\d\d", text)
    assert "Recent activity of reader-0" in text
    assert not {f"Quick {thing}" for thing in ("roses", "tulips", "hedges")} & set(titles(page))


def test_somebody_new_says_what_they_look_for(site: Site) -> None:
    page = site.get("/recommend?about=bread+in+the+kitchen").text
    assert titles(page)[0].endswith("bread")
    assert "requested “bread in the kitchen”" in text_of(page)


def test_items_like_an_item(site: Site) -> None:
    page = site.get("/recommend/like?item=garden-roses-Old").text
    assert titles(page)[0] == "Quick roses"
    assert "no such item" in text_of(site.get("/recommend/like?item=none").text)


def test_what_is_known_and_what_was_rejected(site: Site) -> None:
    assert "Items 16" in text_of(site.get("/recommend").text)
    page = site.get("/recommend/rejected").text
    assert "items.csv 99 needs a title <b>x</b>" in text_of(page)
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert text_of(site.get("/recommend/set-aside", follow_redirects=True).text) == text_of(page)


def test_what_is_asked_is_shown_as_text(site: Site) -> None:
    page = site.get("/recommend", params={"user": ATTACK, "about": ATTACK}).text
    assert "<script>alert" not in page
    assert site.get("/recommend?user=a&k=7").status_code == 400
