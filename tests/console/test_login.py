"""Tests the login: where it leads, how it slows guesses down, and the cookies of sessions that have ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.console_site import Site, write_models
from tfapp.console.pages.login import own_path
from tfapp.web.access import Access
from tfapp.web.login_throttle import LoginThrottle
from tfapp.web.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions

PASSWORD = "correct horse"


class LoginClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> LoginClock:
    return LoginClock()


@pytest.fixture
def locked(tmp_path: Path, clock: LoginClock) -> Iterator[Site]:
    write_models(tmp_path / "models")
    site = Site(tmp_path, access=Access("0.0.0.0", password=PASSWORD), ticks=clock)
    with site.browser:
        yield site


def enter(browser: TestClient, password: str = PASSWORD, following: str = "/try") -> object:
    page = browser.get("/login").text
    (token,) = re.findall(r'name="token" value="(\w+)"', page)
    data = {"token": token, "password": password, "next": following}
    return browser.post("/login", data=data, follow_redirects=False)


def is_in(browser: TestClient) -> bool:
    return browser.get("/models", follow_redirects=False).status_code == 200


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


@pytest.mark.parametrize(("wanted", "where"), [*((path, "/") for path in ELSEWHERE), *((path, path) for path in OWN)])
def test_entering_leads_to_pages_of_the_console_alone(locked: Site, wanted: str, where: str) -> None:
    assert enter(locked.browser, following=wanted).headers["location"] == where  # type: ignore[attr-defined]
    again = locked.browser.get("/login", params={"next": wanted}, follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, where)


def test_a_page_with_any_name_is_come_back_to(locked: Site) -> None:
    address = "/support/chat/a%2Fb%20c%3F%3Cd%3E?x=%26"
    login = locked.browser.get(address)
    (wanted,) = re.findall(r'name="next" value="([^"]*)"', login.text)
    assert wanted == address


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
def test_no_text_leads_away(site: Site, wanted: str) -> None:
    where = own_path(wanted, site.app.routes)
    base = "http://localhost:8600/login"
    # As browsers read it: what they drop is dropped, a backslash is a slash.
    seen = urljoin(base, re.sub(r"[\t\n\r]", "", where).strip().replace("\\", "/"))
    assert seen.startswith("http://localhost:8600/")
    assert not urlsplit(seen).path.startswith("//")
    assert where == "/" or site.browser.get(where).status_code != 404


def test_who_guesses_waits_longer_each_time_and_nobody_else_does(locked: Site, clock: LoginClock) -> None:
    guesser, other = locked.browser_at("198.51.100.7"), locked.browser_at("198.51.100.8")
    assert [enter(guesser, "wrong horse").status_code for _ in range(5)] == [403] * 5  # type: ignore[attr-defined]
    for pause in (2, 4, 8):
        refused = enter(guesser)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, str(pause))  # type: ignore[attr-defined]
        assert f"from your address. Wait {pause} seconds." in refused.text  # type: ignore[attr-defined]
        assert enter(other).status_code == 303  # type: ignore[attr-defined]
        clock.now += pause
        assert enter(guesser, "wrong horse").status_code == 403  # type: ignore[attr-defined]
    clock.now += 16
    assert enter(guesser).status_code == 303  # type: ignore[attr-defined]
    assert enter(guesser, "wrong horse").status_code == 403  # type: ignore[attr-defined]


def test_pauses_have_an_end_and_are_forgotten(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    for _ in range(200):
        clock.now += throttle.take("10.0.0.1")
        assert throttle.take("10.0.0.1") <= 900
    clock.now += 3601
    assert [throttle.take("10.0.0.1") for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_many_tries_at_once_are_no_way_around_a_pause(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    with ThreadPoolExecutor(20) as pool:
        waits = list(pool.map(throttle.take, ["10.0.0.1"] * 200))
    assert waits.count(0) == 5


@pytest.mark.parametrize(
    ("addresses", "networks"),
    [
        (["2001:db8::1", "2001:db8::ffff:1", "2001:db8::2%eth0"], 1),
        (["2001:db8::1", "2001:db8:0:1::1"], 2),
        (["10.0.0.1", "::ffff:10.0.0.1"], 1),
        (["10.0.0.1", "10.0.0.2", "", "testclient"], 4),
    ],
)
def test_an_address_stands_for_its_owner(addresses: list[str], networks: int, clock: LoginClock) -> None:
    throttle = LoginThrottle(clock)
    for address in addresses:
        throttle.take(address)
    assert len(throttle) == networks


def test_so_many_addresses_are_remembered(clock: LoginClock) -> None:
    throttle = LoginThrottle(clock, max_addresses=100)
    for number in range(1000):
        throttle.take(f"10.0.{number // 256}.{number % 256}")
    assert len(throttle) == 100
    clock.now += 3601
    throttle.take("10.0.0.1")
    assert len(throttle) == 1


def test_a_cookie_is_worth_nothing_after_leaving(locked: Site) -> None:
    enter(locked.browser)
    stolen = locked.browser_at("198.51.100.7")
    stolen.cookies.update(locked.browser.cookies)
    assert is_in(stolen)
    locked.post("/logout", page="/labelling")
    assert not is_in(locked.browser)
    assert not is_in(stolen)


@pytest.mark.parametrize(
    ("step", "steps"), [(IDLE_SECONDS, 1), (IDLE_SECONDS / 2, int(LONGEST_SECONDS / IDLE_SECONDS) * 2)]
)
def test_a_session_ends_unused_and_after_half_a_day(locked: Site, clock: LoginClock, step: float, steps: int) -> None:
    enter(locked.browser)
    for _ in range(steps):
        assert is_in(locked.browser)
        clock.now += step
    assert not is_in(locked.browser)
    answer = locked.browser.post("/labelling", data={})
    assert (answer.status_code, answer.text) == (401, "tfapp: the session has ended; log in again\n")


def test_a_request_that_was_under_way_does_not_begin_its_session_again(clock: LoginClock) -> None:
    sessions = Sessions(Access(), clock)
    session = sessions.enter()
    sessions.end(session)
    session["notice"] = "Saved."
    sessions.keep(session)
    assert len(sessions) == 0


def test_so_many_sessions_are_kept_and_visitors_take_no_room(clock: LoginClock) -> None:
    access = Access()
    sessions = Sessions(access, clock, max_sessions=10)
    kept = [sessions.enter() for _ in range(11)]
    for _ in range(1000):
        sessions.keep(sessions.find(""))
    assert len(sessions) == 10
    entered = [sessions.find(access.session_cookie(session["id"])).is_logged_in for session in kept]
    assert entered == [False] + [True] * 10


@pytest.mark.parametrize("forged", ["", ".", "abc", "abc.", "abc." + 64 * "0", "\udc80.\udc80"])
def test_a_name_that_the_console_did_not_give_is_a_strangers(forged: str, clock: LoginClock) -> None:
    assert Sessions(Access(), clock).find(forged)["id"] not in ("", "abc")


def test_a_browser_gets_its_cookie_once(empty_site: Site) -> None:
    seen = ["set-cookie" in empty_site.get("/labelling").headers for _ in range(2)]
    assert seen == [True, False]
