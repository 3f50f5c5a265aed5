"""No form, address or query makes the console fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.types import Message

from tests.console_site import Site
from tfapp.web.access import Access


@pytest.fixture(scope="module")
def locked_site(ready_home: Path) -> Iterator[Site]:
    # An hour passes between any two looks at the clock, so that no wrong password makes the next test wait.
    console = Site(ready_home, access=Access("0.0.0.0", password="correct horse"), ticks=count(0.0, 3600.0).__next__)
    with console.browser:
        yield console


NUMBERS = [*(str(number) for number in (2**31, 2**63 - 1, 2**63, 2**64, 10**19)), 5000 * "9"]


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number[:20])
def test_a_number_that_no_database_holds_is_refused_in_one_line(site: Site, number: str) -> None:
    upload = {"file": ("texts.csv", b"text\nMoney for the match\n")}
    pool = site.post("/labelling", {"model": "news"}, files=upload).url.path
    answers = [
        site.get(f"/monitor/alerts/{number}"),
        site.get(f"/models/models/news?version={number}"),
        site.post(f"{pool}/label", {"text": number, "by": "margin", "label": "sport"}),
        site.post(f"{pool}/skip", {"text": number, "by": "margin"}),
        site.post("/try/models/news", {"text": "money", "version": number}),
    ]
    for answer in answers[: 5 if len(number) > 19 or number == str(2**63) else 4]:
        assert answer.status_code == 400
        (line,) = re.findall(r'class="problem(?:-text)?"[^>]*>([^<]*)<', answer.text)
        assert len(line) < 200


def test_numbers_as_they_are_written_are_read(site: Site) -> None:
    assert site.post("/try/models/news", {"text": "money", "version": "0002"}).status_code == 200


CHARSETS = ["unicode_escape", "utf-7", "utf-16", "rot13", "idna", "punycode", "base64", "undefined", "no-such", "'"]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
def test_forms_are_utf8_whatever_their_senders_say(locked_site: Site, kind: str, charset: str) -> None:
    token = locked_site.token("/login")
    fields = {"token": token, "password": "\\ud800 +AGE- Łódź", "next": "/models"}
    answer = send(locked_site, f"{kind}; charset={charset}", {name: value.encode() for name, value in fields.items()})
    assert (answer.status_code, "Wrong password." in answer.text) == (403, True)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("field", ["token", "password", "next"])
def test_bytes_that_are_no_utf8_are_refused(locked_site: Site, kind: str, field: str) -> None:
    fields = {"token": locked_site.token("/login").encode(), "password": b"x", "next": b"/"}
    answer = send(locked_site, kind, fields | {field: b"\xff\xfe"})
    assert (answer.status_code, "the form is not UTF-8" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("kind", "body", "status", "says"),
    [
        ("application/x-www-form-urlencoded", b"a=1&" * 1001, 400, "more than 1000 fields"),
        ("application/x-www-form-urlencoded", b"a=\xff", 400, "the form is not UTF-8"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * (16 << 10), 413, "more than 16 kB"),
        ("multipart/form-data", b"--b--", 400, "needs a boundary"),
        ('multipart/form-data; boundary="b\\"c"', b"--b--", 400, "needs a boundary"),
        ("multipart/form-data; boundary=b", b"--c\r\n", 400, ""),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n", 400, ""),
        ("text/plain", b"token=1", 403, "reload it"),
        ("", b"token=1", 403, "reload it"),
    ],
)
def test_what_is_no_form_is_refused(locked_site: Site, kind: str, body: bytes, status: int, says: str) -> None:
    answer = locked_site.browser.post("/login", content=body, headers={"content-type": kind})
    assert (answer.status_code, says in answer.text) == (status, True)


@pytest.mark.parametrize("address", ["/models?x=%FF", "/models?x=%00", "/models/a%00/b", "/login?next=%C3"])
def test_addresses_that_are_no_text_are_refused(locked_site: Site, site: Site, address: str) -> None:
    for console in (locked_site, site):
        answer = console.get(address)
        assert (answer.status_code, answer.text.count("\n")) == (400, 1)


def test_an_origin_that_is_no_address_is_another_site(site: Site) -> None:
    assert site.post("/labelling", headers={"origin": "http://["}).status_code == 403


def test_a_caller_who_leaves_within_a_form_is_no_defect(locked_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    events = iter([{"type": "http.request", "body": b"token=", "more_body": True}, {"type": "http.disconnect"}])
    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "headers": headers}

    async def receive() -> Message:
        return next(events)

    async def send(_message: Message) -> None:
        """Drops the message, as nobody hears it."""

    anyio.run(locked_site.app, scope, receive, send)
    assert caplog.text == ""


def send(site: Site, kind: str, fields: dict[str, bytes]) -> Any:
    if kind.startswith("multipart"):
        form = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        body = b"".join(form % (name.encode(), value) for name, value in fields.items()) + b"--b--\r\n"
    else:
        body = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in fields.items()).encode()
    return site.browser.post("/login", content=body, headers={"content-type": kind})


TEXTS = st.one_of(
    st.sampled_from([*NUMBERS[:-1], "-1", "1e9", "0x1", "\N{ARABIC-INDIC DIGIT ONE}"]),
    st.sampled_from(["news", "models", "sport", "margin", "right", "better", "c", "minilm-l6", "reader-1", "\0", ""]),
    st.text(max_size=20),
)
FIELDS = ("text", "version", "label", "other", "by", "verdict", "better", "intent", "conversation", "question", "model")
QUERIES = (
    "by",
    "window",
    "topic",
    "source",
    "sentiment",
    "entity",
    "version",
    "user",
    "about",
    "new",
    "k",
    "item",
    "next",
)


@given(st.data())
def test_no_form_and_no_address_makes_it_fail(site: Site, locked_site: Site, data: st.DataObject) -> None:
    browsers = (site, locked_site)
    routes = [route for route in site.app.routes if isinstance(route, Route)]
    route = data.draw(st.sampled_from(routes))
    path = re.sub(r"{[^}]*}", lambda _: quote(data.draw(TEXTS), safe=""), route.path)
    query = data.draw(st.dictionaries(st.sampled_from(QUERIES), TEXTS, max_size=3))
    fields = data.draw(st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=4))
    for console in browsers:
        if "POST" in (route.methods or ()):
            token = console.token("/labelling" if console is site else "/login")
            answer = console.browser.post(path, data={"token": token, **fields}, params=query, follow_redirects=False)
        else:
            answer = console.browser.get(path, params=query, follow_redirects=False)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
