"""The console under attack: from inside, and from before its login."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console_site import Site, build_home
from tests.hostile.attack import AttackPlan, attack
from tests.hostile.console_requests import any_page, routes_of
from tfapp.web.access import Access

_PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the console shows."""
    return build_home(tmp_path_factory.mktemp("console"))


@pytest.fixture(params=["without a password", "before the login", "after it"])
def site(request: pytest.FixtureRequest, home: Path) -> Iterator[Site]:
    access = Access() if request.param == "without a password" else Access("0.0.0.0", password=_PASSWORD)
    console = Site(home, access=access)
    with console.browser:
        if request.param == "after it":
            enter(console)
        yield console


def enter(site: Site) -> None:
    """Logs in."""
    answer = site.browser.post("/login", data={"token": site.token("/login"), "password": _PASSWORD})
    assert answer.status_code == 200


def test_any_page(site: Site, plan: AttackPlan) -> None:
    is_inside = site.get("/labelling", follow_redirects=False).status_code == 200
    # Whoever logs out is outside.
    routes = [route for route in routes_of(site.app.routes) if not (is_inside and route[0] == "/logout")]
    token = site.token("/labelling" if is_inside else "/login")
    cookies = dict(site.browser.cookies)

    def strike(source: random.Random) -> None:
        request = any_page(source, routes, token)
        site.browser.cookies.update(cookies)
        answer = site.browser.request(**request, follow_redirects=False)
        assert answer.status_code < 500 or answer.status_code == 503, (
            f"{request!r:.600}: {answer.status_code} {answer.text[:200]}"
        )
        place = answer.headers.get("location", "/")
        assert re.match(r"(http://localhost:8600)?/(?![/\\])", place), f"{request!r:.600}: goes to {place}"
        # Nobody gets in without the password.
        assert (
            is_inside
            or answer.status_code != 200
            or "password" in answer.text
            or request["url"].startswith(("/static", "/login"))
        )

    def still_good() -> None:
        answer = site.get("/models" if is_inside else "/login")
        assert answer.status_code == 200
        assert "</html>" in answer.text

    attack(plan, 120, strike, still_good)
