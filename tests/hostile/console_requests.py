"""Requests to the console: every route with every method, forms and queries of all fields that its pages have."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.routing import BaseRoute, Mount, Route

import tfapp
from tests.hostile.draws import maybe, name, number, several, text

__all__ = ["any_page", "routes_of"]

# It begins a training.
_LEFT_OUT: Final = ("/support/learn",)
_PARAMETER: Final = re.compile(r"\{\w+(:\w+)?\}")
_NAMES: Final = ("home", "support", "monitor", "news", "topics", "places", "reader", "1", "2", "phone", "reader-1")
_FORM: Final = "application/x-www-form-urlencoded"
_TYPES: Final = (
    *(_FORM,) * 8,
    f"{_FORM}; charset=unicode_escape",
    f"{_FORM}; charset=utf-16",
    "multipart/form-data",
    "text/plain",
)


def _field_names() -> tuple[str, ...]:
    templates = Path(tfapp.__path__[0]).rglob("*/templates/*.html")
    return tuple(sorted({name for file in templates for name in re.findall(r'name="(\w+)"', file.read_text())}))


_FIELDS: Final = _field_names()


def routes_of(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields the paths of an application and their methods."""
    for route in routes:
        if isinstance(route, Route) and route.path not in _LEFT_OUT:
            yield route.path, tuple(route.methods or ("GET",))
        elif isinstance(route, Mount):
            yield f"{route.path}/console.css", ("GET",)


def any_page(source: random.Random, routes: Sequence[tuple[str, tuple[str, ...]]], token: str) -> dict[str, Any]:
    """Draws a request, as the arguments of an HTTP client.

    Args:
        source: Of the draws.
        routes: Paths with their methods.
        token: What a form must carry to be taken.
    """
    path, methods = source.choice(list(routes))
    method = source.choice(methods) if maybe(source, 0.9) else source.choice(("GET", "POST", "PUT", "HEAD", "DELETE"))
    url = _PARAMETER.sub(lambda _: quote(_value(source, 0.7)[:500], safe="/"), path)
    request: dict[str, Any] = {
        "method": method,
        "url": f"{url}?{_encode(source, token)}" if maybe(source, 0.5) else url,
    }
    if method == "POST":
        request |= _upload(source, token) if maybe(source, 0.15) else _form(source, token)
    if maybe(source, 0.1):
        request.setdefault("headers", {})["cookie"] = quote(text(source)[:200], safe="=; ")
    return request


def _form(source: random.Random, token: str) -> dict[str, Any]:
    body = _encode(source, token).encode()
    if maybe(source, 0.1):
        body = source.choice((b"", b"%", b"&&&=", b"\xff\xfe=%ff", b"a=" + b"b" * 100_000, source.randbytes(50)))
    return {"content": body, "headers": {"content-type": source.choice(_TYPES)}}


def _upload(source: random.Random, token: str) -> dict[str, Any]:
    content = source.choice(
        (b"", b"text\na\nb\n", b"text,label\n\xff,\x00\n", b'{"text": "a"}\n', b"PAR1", source.randbytes(99))
    )
    file = (name(source, ("a.csv", "a.jsonl", "a.parquet", "../../a.csv", "a")), content)
    return {"files": {source.choice(("file", "texts", "upload")): file}, "data": dict(_pairs(source, token))}


def _encode(source: random.Random, token: str) -> str:
    return urlencode([(key, value.encode("utf-8", "replace")) for key, value in _pairs(source, token)])


def _pairs(source: random.Random, token: str) -> list[tuple[str, str]]:
    right = [("token", token)] if maybe(source, 0.9) else []
    return right + [(name(source, _FIELDS, 0.95), _value(source, 0.4)) for _ in range(source.choice((0, 1, 2, 4, 8)))]


def _value(source: random.Random, right: float) -> str:
    if maybe(source, right):
        return source.choice(_NAMES)
    return source.choice(
        (text(source), str(number(source)), str(10 ** source.choice((20, 400))), "a " * 300, *several(source, text, 2))
    )
