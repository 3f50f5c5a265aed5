"""HTTP requests as bytes, right and wrong: lines, headers, lengths, chunks, bodies."""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tests.hostile.compressed import any_gzip
from tests.hostile.draws import choose, maybe, mutate, nest, number, text

__all__ = ["HttpRequest", "RawResponse", "any_http", "any_json", "exchange"]

_VERBS: Final = (
    "GET",
    "POST",
    "POST",
    "POST",
    "HEAD",
    "OPTIONS",
    "PUT",
    "DELETE",
    "PATCH",
    "TRACE",
    "CONNECT",
    "get",
    "G\x00T",
    "X" * 300,
)
_TYPES: Final = (
    *(
        "application/json",
        "application/json",
        "text/plain",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
    ),
    *(
        "multipart/form-data; boundary=x",
        "application/json; charset=unicode_escape",
        "application/json; charset=utf-16",
        "",
        ";;;",
    ),
)
_ODD_CHUNKS: Final = (
    *(b"ffffffffffffffffff\r\n", b"-1\r\n", b"g\r\n", b"\r\n", b"10\r\nx\r\n"),
    b"5;" + b"x" * 9000 + b"\r\n",
)
# How an answer begins; its body never says that, whatever it repeats of a request.
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
# A server may wait for the rest of what is cut off; nobody waits for its answer.
_CUT_OFF_SECONDS: Final = 0.02

_Framing: TypeAlias = list[tuple[str, str]]


@dataclass(frozen=True)
class HttpRequest:
    """One request.

    Attributes:
        data: Its bytes.
        is_whole: Whether it ends by its own account, so that an answer must come.
        count: How many requests it is: more than one where they are sent without waiting for answers.
    """

    data: bytes
    is_whole: bool
    count: int = 1


@dataclass(frozen=True)
class RawResponse:
    """The answer, the worst of several: its status, 0 where the connection was closed without one, and its body."""

    status: int
    body: bytes = b""


def any_http(
    source: random.Random, paths: Sequence[str], draw: Callable[[random.Random], bytes], **headers: str
) -> HttpRequest:
    """Draws a request.

    Args:
        source: Of the draws.
        paths: The routes, of which most requests name one.
        draw: Draws a body.
        headers: Those that a request needs to be let in.
    """
    if maybe(source, 0.03):
        return _pipeline(source, paths, draw, headers)
    verb, path = source.choice(_VERBS), _path(source, paths)
    body = draw(source) if maybe(source, 0.85) else source.randbytes(source.randrange(100))
    lines = {"Host": "127.0.0.1", "Connection": "close", "Content-Type": source.choice(_TYPES), **headers}
    if maybe(source, 0.1):
        lines["Accept-Encoding"] = source.choice(("gzip", "br", "*;q=0", text(source)))
    if maybe(source, 0.1):
        lines["Content-Encoding"] = source.choice(("gzip", "gzip", "deflate", "br", "identity", "gzip, gzip"))
        body = any_gzip(source, body) if maybe(source, 0.7) else body
    is_odd = maybe(source, 0.15)
    framing, content = _odd_framing(source, body) if is_odd else _framing(source, body)
    head = "".join(f"{name}: {value}\r\n" for name, value in (*lines.items(), *framing))
    head += "".join(_odd_header(source) for _ in range(source.choice((0,) * 8 + (1, 2, 200))))
    data = f"{verb} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + content
    if maybe(source, 0.1):
        return HttpRequest(mutate(data, source), is_whole=False)
    return HttpRequest(data, is_whole=not is_odd)


def any_json(source: random.Random) -> bytes:
    """Draws JSON, of any depth and size, and what only looks like it."""
    match source.randrange(12):
        case 0:
            depth = source.choice((10, 900, 1100, 20_000))
            return b'{"instances":' + b"[" * depth + b"1" + b"]" * source.choice((depth, depth - 1)) + b"}"
        case 1:
            return b'{"a":' * 500 + b"1" + b"}" * 500
        case 2:
            return b"[" + b"9" * source.choice((20, 400, 5000)) + b"]"
        case 3:
            return source.choice(
                (b"", b"\xef\xbb\xbf{}", b"{", b"null", b"\xff\xfe", b"{}" * 3, b'"', b"[1,]", b"NaN", b"\x00")
            )
        case 4:
            return mutate(b'{"instances":["a","b"],"signature_name":"serving_default"}', source)
        case _:
            return json.dumps(_document(source)).encode("utf-8", "surrogatepass")


def exchange(address: tuple[str, int], request: HttpRequest, seconds: float) -> RawResponse:
    """Sends a request and reads the answer, or closes where none need come.

    Raises:
        TimeoutError: A whole request was not answered in time.
    """
    with socket.create_connection(address, timeout=seconds) as connection:
        try:
            connection.sendall(request.data)
            connection.settimeout(seconds if request.is_whole else _CUT_OFF_SECONDS)
            if request.count > 1:
                return _worst(connection, request.count)
            answer = http.client.HTTPResponse(connection, method=request.data.partition(b" ")[0].decode("latin-1"))
            answer.begin()
            return RawResponse(answer.status, answer.read(1 << 20))
        except TimeoutError:
            if request.is_whole:
                raise
        except (OSError, http.client.HTTPException):
            pass
    return RawResponse(0)


def _worst(connection: socket.socket, count: int) -> RawResponse:
    """Reads answers until the server closes."""
    data = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    statuses = [int(status) for status in _STATUS.findall(data)]
    return RawResponse(max(statuses), data) if len(statuses) == count else RawResponse(0, data)


def _path(source: random.Random, paths: Sequence[str]) -> str:
    path = source.choice(list(paths))
    match source.randrange(14):
        case 0:
            return "/" + text(source).replace("\n", "").replace("\r", "").replace(" ", "")
        case 1:
            return path.replace("/", source.choice(("//", "/../", "/%2e%2e/", "/%00/", "/./", "\\")))
        case 2:
            return f"{path}?{'a=1&' * source.choice((1, 3, 5000))}"
        case 3:
            return path + source.choice(("%", "%ff", "%zz", "/" * 9000, "#x", ";x", "\x7f", "é", ":predict:predict"))
        case 4:
            return f"http://other.example{path}"
        case _:
            return path


def _framing(source: random.Random, body: bytes) -> tuple[_Framing, bytes]:
    """The body with its length, or in chunks."""
    if maybe(source, 0.8):
        return [("Content-Length", str(len(body)))], body
    return [("Transfer-Encoding", "chunked")], _chunks(source, body)


def _chunks(source: random.Random, body: bytes) -> bytes:
    size = source.choice((1, 7)) if len(body) < 1000 and maybe(source, 0.2) else source.randint(1, len(body) + 1)
    parts = (body[start : start + size] for start in range(0, len(body), size))
    extension = b";a=b" if maybe(source, 0.1) else b""
    trailer = b"X-A: b\r\n" if maybe(source, 0.1) else b""
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n%s\r\n" % trailer


def _odd_framing(source: random.Random, body: bytes) -> tuple[_Framing, bytes]:
    """A body that is not as long as its headers say, or two accounts of its length."""
    length = source.choice(
        (len(body) + 1, max(len(body) - 1, 0), -1, 1 << 40, 1 << 70, "", "a", "0x10", "+5", "1,2", "1 2")
    )
    header, right = ("Content-Length", str(length)), ("Content-Length", str(len(body)))
    chunk_header, chunks = ("Transfer-Encoding", "chunked"), _chunks(source, body)
    return choose(
        source,
        lambda s: ([chunk_header], s.choice(_ODD_CHUNKS) + body),
        lambda s: ([chunk_header], chunks[: s.randrange(len(chunks))]),
        lambda s: (
            s.sample([("Transfer-Encoding", s.choice(("chunked", "gzip", "identity", "x"))), chunk_header], 2),
            chunks,
        ),
        lambda s: ([("Transfer-Encoding", s.choice(("chunked", "gzip, chunked", "x"))), header], body),
        lambda s: (s.sample([header, right], 2), body),
        lambda s: ([("Expect", s.choice(("100-continue", "200-maybe"))), right], body),
        lambda _: ([header], body),
    )


def _pipeline(
    source: random.Random,
    paths: Sequence[str],
    draw: Callable[[random.Random], bytes],
    headers: Mapping[str, str],
) -> HttpRequest:
    """Requests that are sent at once; of each, only the body is odd."""
    count, data = source.choice((2, 3, 20)), b""
    for remaining in range(count, 0, -1):
        framing, content = _framing(source, draw(source))
        lines = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers}
        ending = [("Connection", "close")] if remaining == 1 else []
        head = "".join(f"{name}: {value}\r\n" for name, value in (*lines.items(), *framing, *ending))
        data += (
            f"{source.choice(('GET', 'POST'))} {source.choice(list(paths))} HTTP/1.1\r\n{head}\r\n".encode() + content
        )
    return HttpRequest(data, is_whole=True, count=count)


def _odd_header(source: random.Random) -> str:
    value = text(source).replace("\r", "").replace("\n", "")
    return source.choice(
        (
            f"X-{source.randrange(9)}: {value}\r\n",
            f"Cookie: {value}\r\n",
            f"A: {'b' * 9000}\r\n",
            "Upgrade: h2c\r\n",
            ": a\r\n",
            " fold\r\n",
        )
    )


def _document(source: random.Random) -> Any:
    document: dict[str, Any] = {}
    if maybe(source, 0.7):
        document["instances"] = _instances(source)
    if maybe(source, 0.3):
        document["inputs"] = {_key(source): nest(source, _leaf)} if maybe(source, 0.6) else nest(source, _leaf)
    if maybe(source, 0.2):
        document["examples"] = _instances(source)
    if maybe(source, 0.2):
        document["context"] = {"x": _leaf(source)}
    if maybe(source, 0.3):
        document["signature_name"] = source.choice(
            ("serving_default", "two", "classify", "regress", text(source), 5, None)
        )
    return document if maybe(source, 0.9) else nest(source, _leaf)


def _instances(source: random.Random) -> Any:
    rows = source.choice((0, 1, 1, 2, 3, 70))
    if maybe(source, 0.4):
        return [{_key(source): nest(source, _leaf, 2) for _ in range(source.choice((1, 1, 2)))} for _ in range(rows)]
    return [nest(source, _leaf, 3) for _ in range(rows)] if maybe(source, 0.9) else _leaf(source)


def _key(source: random.Random) -> str:
    return source.choice(("x", "x", "text", "text", "a", "b", "b64", text(source)))


def _leaf(source: random.Random) -> Any:
    return choose(
        source,
        text,
        number,
        lambda s: s.choice((0.5, 1e308, -0.0, float("nan"), float("inf"), 10**30)),
        lambda s: s.choice(
            (None, True, {}, [], {"b64": "YQ=="}, {"b64": "="}, {"b64": 5}, {"b64": "YQ==", "x": 1}, "\ud800")
        ),
    )
