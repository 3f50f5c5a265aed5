"""Tests who may open the console: with which password, and by which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console_site import PASSWORD, Site, log_in
from tfapp.errors import SettingsError
from tfapp.web.access import Access


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "machine.example"])
def test_it_opens_to_the_network_with_a_password_only(host: str) -> None:
    with pytest.raises(SettingsError, match=r"so it needs a password; set TFAPP_CONSOLE_PASSWORD"):
        Access(host)
    assert PASSWORD not in repr(Access(host, password=PASSWORD))


def test_what_opens_more_is_named(tmp_path: Path) -> None:
    assert Access().security_warnings == []
    flags = [line.partition(": ")[0] for line in Access("0.0.0.0", password=PASSWORD).security_warnings]
    assert flags == ["--host 0.0.0.0", "no --tls-certificate"]
    tls_access = Access("::", password=PASSWORD, tls=(tmp_path / "certificate", tmp_path / "key"))
    assert tls_access.security_warnings == ["--host ::: other machines can open the console"]
    names = ("console.example", "other.example")
    (line,) = Access(names=names).security_warnings
    assert line.startswith("--name console.example, other.example: ")
    assert Access(names=names, password=PASSWORD).security_warnings == []


def test_a_short_password_is_refused() -> None:
    with pytest.raises(SettingsError, match="must have 8 characters or more, got 5"):
        Access(password="short")


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("localhost:8600", True),
        ("127.0.0.1:8600", True),
        ("[::1]:8600", True),
        ("console.example", True),
        ("CONSOLE.example:80", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[", False),
    ],
)
def test_only_its_own_names_are_answered(host: str, answers: bool) -> None:
    assert Access(names=("console.example",)).allows(host) is answers


def test_the_password_opens_it_and_leaving_closes_it(locked_site: Site) -> None:
    answer = log_in(locked_site.browser, "wrong horse")
    assert (answer.status_code, "Wrong password." in answer.text) == (403, True)
    cookie = locked_site.browser.cookies["tfapp_console_8600"]
    right = log_in(locked_site.browser)
    assert (right.status_code, right.headers["location"]) == (303, "/try")
    assert locked_site.browser.cookies["tfapp_console_8600"] != cookie
    assert "news" in locked_site.get("/models").text
    locked_site.post("/logout", page="/labelling")
    assert "news" not in locked_site.get("/models").text


def test_a_cookie_of_another_start_is_worth_nothing(locked_site: Site, tmp_path: Path) -> None:
    log_in(locked_site.browser)
    restarted_site = Site(tmp_path, access=Access("0.0.0.0", password=PASSWORD))
    restarted_site.browser.cookies = locked_site.browser.cookies
    assert restarted_site.get("/models", follow_redirects=False).status_code == 303


def test_the_cookie_is_for_this_site_and_no_script(site: Site) -> None:
    cookie = Site(site.home).get("/").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
