"""Tests the login page: where it leads, and where it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.console_site import PASSWORD, Site, log_in, write_models
from tfapp.console.pages.login import own_path
from tfapp.web.access import Access


@pytest.fixture
def locked_site(tmp_path: Path) -> Iterator[Site]:
    write_models(tmp_path / "models")
    site = Site(tmp_path, access=Access("0.0.0.0", password=PASSWORD))
    with site.browser:
        yield site


ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/models",
    "https://evil.example/",
    "https:evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5Cevil.example",
    "/%2Fevil.example",
    "/%2f%2fevil.example",
    "%2F%2Fevil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "\n/models",
    "/models\n",
    "/models%0A",
    "/support/chat/..//..//evil.example",
    "/support/chat/%2e%2e/%2E%2E//evil.example",
    "javascript:x",
    "//[",
    "models",
    "",
    "/login",
    "/login?next=/login",
    "/logout",
    "/nowhere",
    "/models/" + 2000 * "a",
]
OWN = ["/", "/?x=1", "/models?x=//evil.example", "/models/models/news?version=2", "/support/chat/a%2Fb%20c%3F%3Cd%3E"]


@pytest.mark.parametrize(("target", "where"), [*((path, "/") for path in ELSEWHERE), *((path, path) for path in OWN)])
def test_entering_leads_to_pages_of_the_console_alone(locked_site: Site, target: str, where: str) -> None:
    assert log_in(locked_site.browser, next_path=target).headers["location"] == where
    second_answer = locked_site.browser.get("/login", params={"next": target}, follow_redirects=False)
    assert (second_answer.status_code, second_answer.headers["location"]) == (303, where)


def test_a_page_with_any_name_is_come_back_to(locked_site: Site) -> None:
    address = "/support/chat/a%2Fb%20c%3F%3Cd%3E?x=%26"
    login = locked_site.browser.get(address)
    (target,) = re.findall(r'name="next" value="([^"]*)"', login.text)
    assert target == address


PIECES = st.sampled_from(
    [
        *"/\\.%:?#@\t\n\r\0 ",
        "//",
        "..",
        "%2F",
        "%5c",
        "%2e%2e",
        "%0a",
        "%00",
        "evil.example",
        "http:",
        "models",
        "login",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=12).map("".join))
def test_no_text_leads_away(site: Site, target: str) -> None:
    where = own_path(target, site.app.routes)
    base = "http://localhost:8600/login"
    # As browsers read it: what they drop is dropped, a backslash is a slash.
    url = urljoin(base, re.sub(r"[\t\n\r]", "", where).strip().replace("\\", "/"))
    assert url.startswith("http://localhost:8600/")
    assert not urlsplit(url).path.startswith("//")
    assert where == "/" or site.browser.get(where).status_code != 404
