"""Tests which requests reach no page: those of strangers and of other sites, and those that are too large."""

from __future__ import annotations

from collections.abc import Iterator

import anyio
import pytest
from starlette.types import ASGIApp, Message, Scope

from tests.console_site import Site, log_in
from tfapp.web.request_guard import LONGEST_BODY, LONGEST_LOGIN


def test_a_name_that_another_site_made_point_here_is_refused(site: Site) -> None:
    answer = site.get("/", headers={"host": "evil.example"})
    assert (answer.status_code, answer.text.count("\n")) == (400, 1)


def test_without_the_password_nothing_is_shown(locked_site: Site) -> None:
    answer = locked_site.get("/models?x=1", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/models%3Fx%3D1")
    assert "news" not in locked_site.get("/models").text
    assert locked_site.browser.post("/labelling", data={}).status_code == 401
    assert locked_site.get("/labelling/export/news", follow_redirects=False).status_code == 303
    for path in ("/static/console.css", "/static/support/pages.css"):
        assert locked_site.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/labelling", "/try/models/news", "/support/chat/c", "/support/learn", "/logout"])
def test_a_form_without_this_sessions_token_is_refused(site: Site, path: str) -> None:
    stranger = Site(site.home, server=site.server)
    for token in ("", "0" * 64, stranger.token("/labelling")):
        answer = site.browser.post(path, data={"token": token, "text": "x", "question": "x"})
        assert (answer.status_code, "reload it" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_form_of_another_site_is_refused_even_with_a_token(site: Site, headers: dict[str, str]) -> None:
    answer = site.post("/try/models/news", {"text": "money"}, headers=headers)
    assert (answer.status_code, answer.text) == (403, "tfapp: this form was sent from another site\n")
    own_answer = site.post("/try/models/news", {"text": "money"}, headers={"origin": "http://localhost:8600"})
    assert own_answer.status_code == 200


def test_every_page_forbids_scripts_of_others(site: Site) -> None:
    for path in ("/", "/models", "/nowhere", "/static/console.js", "/static/monitor/pages.css"):
        headers = site.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert site.get("/").headers["cache-control"] == "no-store"
    assert site.get("/static/monitor/pages.css").headers["cache-control"] == "no-cache"


def test_too_large_a_request_is_refused(site: Site) -> None:
    files = {"file": ("big.csv", b"x" * (LONGEST_BODY + 1))}
    answer = site.post("/labelling", {"model": "news"}, files=files)
    assert (answer.status_code, "more than 32 MB" in answer.text) == (413, True)


@pytest.mark.parametrize("path", ["/login", "/labelling", "/logout", "/static/console.js", "/nowhere"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded", "text/plain"])
def test_who_has_not_entered_has_no_more_read_than_a_login(locked_site: Site, path: str, kind: str) -> None:
    sizes = []

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(100):
            sizes.append(1024)
            yield bytes(1024)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers(kind)}
    status = anyio.run(call, locked_site.app, scope, body())
    assert sum(sizes) <= LONGEST_LOGIN + 1024
    assert status in (401, 403, 404, 405, 413)


def test_the_longest_password_that_is_read_fits_into_a_login(locked_site: Site) -> None:
    password, next_path = 1000 * "\N{GRINNING FACE}", "/models?" + 1990 * "x"
    answer = log_in(locked_site.browser, password, next_path)
    assert "Wrong password." in answer.text
    long_answer = log_in(locked_site.browser, LONGEST_LOGIN * "x")
    assert (long_answer.status_code, "more than 16 kB; log in first" in long_answer.text) == (413, True)


def test_who_has_entered_uploads(locked_site: Site) -> None:
    log_in(locked_site.browser)
    files = {"file": ("texts.csv", b"text\n" + LONGEST_LOGIN * b"Money for the match\n")}
    assert locked_site.post("/labelling", {"model": "news"}, files=files, follow_redirects=False).status_code == 303


def headers(kind: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"localhost"), (b"content-type", kind.encode())]


async def call(app: ASGIApp, scope: Scope, body: Iterator[bytes]) -> int:
    """Calls an application whose caller sends the body bit by bit, and returns its status."""
    answers: list[Message] = []

    async def receive() -> Message:
        part = next(body, b"")
        return {"type": "http.request", "body": part, "more_body": bool(part)}

    async def send(message: Message) -> None:
        answers.append(message)

    await app(scope, receive, send)
    return int(answers[0]["status"])


def test_paths_of_files_lead_nowhere(site: Site) -> None:
    for path in ("/static/../app.py", "/static/..%2fapp.py", "/models/..%2f/news", "/models/models/..%2f..%2fetc"):
        assert site.get(path).status_code in (400, 404)
