"""Compression of HTTP bodies: gzip in requests and in answers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Final

from tfapp.server.request_errors import invalid_argument
from tfapp.server.rest.body_limits import TooLargeError

__all__ = ["compress", "decompress", "wants_gzip"]

# Smaller answers fit into a packet anyway.
_LEAST_COMPRESSED: Final = 1024
_LEVEL: Final = 1
_GZIP: Final = "gzip"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
# Bytes of a gzipped body that are uncompressed at once.
_FIRST_STEP: Final = 256
_LONGEST_STEP: Final = 1 << 18


def decompress(body: bytes, encoding: str, max_bytes: int, count: Callable[[int], None]) -> bytes:
    """Decompresses a request's body; `count` is told of bytes as they are uncompressed, and may refuse them.

    An encoding without gzip in it leaves the body as it is, as TensorFlow Serving does.

    Raises:
        RequestError: It is not what the header says, or becomes larger than the most bytes.
    """
    if _GZIP not in encoding.lower():
        return body
    chunks: list[bytes] = []
    bytes_left, start = max_bytes, 0
    while start < len(body):
        stream, step = zlib.decompressobj(_GZIP_WINDOW), _FIRST_STEP
        while not stream.eof:
            # In small steps at first: what is behind a member's end is copied, and there may be very many members.
            chunk = body[start : start + step]
            if not chunk:
                raise invalid_argument("Failed to uncompress the gzipped body: it is incomplete")
            try:
                chunks.append(stream.decompress(chunk, bytes_left + 1))
            except zlib.error as error:
                raise invalid_argument(f"Failed to uncompress the gzipped body: {error}") from error
            count(len(chunks[-1]))
            bytes_left -= len(chunks[-1])
            if bytes_left < 0:
                raise TooLargeError("uncompressed", max_bytes)
            start += len(chunk) - len(stream.unused_data)
            step = min(2 * step, _LONGEST_STEP)
    return b"".join(chunks)


def wants_gzip(accept_encoding: str) -> bool:
    """Returns whether an Accept-Encoding header takes gzip."""
    for choice in accept_encoding.lower().split(","):
        name, _, weight = choice.partition(";")
        if name.strip() in (_GZIP, "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def compress(body: bytes, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """Compresses an answer where the Accept-Encoding takes it and it saves something; returns it with its headers."""
    if len(body) < _LEAST_COMPRESSED or not wants_gzip(accept_encoding):
        return body, {}
    return gzip.compress(body, _LEVEL), {"content-encoding": _GZIP, "vary": "accept-encoding"}
