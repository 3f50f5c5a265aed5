"""Tests the sessions of browsers and their cookies: when they begin and end, and how many are kept."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.console_site import Site, log_in
from tests.web.conftest import LoginClock
from tfapp.web.access import Access
from tfapp.web.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions


def is_in(browser: TestClient) -> bool:
    return browser.get("/models", follow_redirects=False).status_code == 200


def test_a_cookie_is_worth_nothing_after_leaving(locked_site: Site) -> None:
    log_in(locked_site.browser)
    thief = locked_site.browser_at("198.51.100.7")
    thief.cookies.update(locked_site.browser.cookies)
    assert is_in(thief)
    locked_site.post("/logout", page="/labelling")
    assert not is_in(locked_site.browser)
    assert not is_in(thief)


@pytest.mark.parametrize(
    ("step", "steps"), [(IDLE_SECONDS, 1), (IDLE_SECONDS / 2, int(LONGEST_SECONDS / IDLE_SECONDS) * 2)]
)
def test_a_session_ends_unused_and_after_half_a_day(
    locked_site: Site, clock: LoginClock, step: float, steps: int
) -> None:
    log_in(locked_site.browser)
    for _ in range(steps):
        assert is_in(locked_site.browser)
        clock.now += step
    assert not is_in(locked_site.browser)
    answer = locked_site.browser.post("/labelling", data={})
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
    entries = [sessions.enter() for _ in range(11)]
    for _ in range(1000):
        sessions.keep(sessions.find(""))
    assert len(sessions) == 10
    logins = [sessions.find(access.session_cookie(session["id"])).is_logged_in for session in entries]
    assert logins == [False] + [True] * 10


@pytest.mark.parametrize("name", ["", ".", "abc", "abc.", "abc." + 64 * "0", "\udc80.\udc80"])
def test_a_name_that_the_console_did_not_give_is_a_strangers(name: str, clock: LoginClock) -> None:
    assert Sessions(Access(), clock).find(name)["id"] not in ("", "abc")


def test_a_browser_gets_its_cookie_once(empty_site: Site) -> None:
    cookies = ["set-cookie" in empty_site.get("/labelling").headers for _ in range(2)]
    assert cookies == [True, False]
