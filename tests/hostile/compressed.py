"""Compressed bytes, right and wrong: cut, of many members, compressed twice, and small ones that become large."""

from __future__ import annotations

import functools
import gzip
import random
import zlib
from collections.abc import Callable
from typing import Final

from tests.hostile.draws import choose, maybe, mutate

__all__ = ["any_bomb", "any_gzip", "any_zlib"]

_LEVEL: Final = 1


def any_gzip(source: random.Random, data: bytes) -> bytes:
    """Draws a gzipped form of some bytes, or what only looks like one."""
    return _odd(source, data, functools.partial(gzip.compress, compresslevel=_LEVEL, mtime=0))


def any_zlib(source: random.Random, data: bytes) -> bytes:
    """Draws a form of some bytes as "deflate" means it, or what only looks like one."""
    return _odd(source, data, functools.partial(zlib.compress, level=_LEVEL))


def any_bomb(source: random.Random) -> bytes:
    """Draws what becomes a thousandth of its size, or less."""
    return _repeat(source.choice((b"\0", b"[", b"0,", b"\x0a\0")), source.choice((1 << 16, 1 << 20, 1 << 20, 1 << 21)))


def _odd(source: random.Random, data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    return choose(
        source,
        lambda _: compress(data),
        lambda s: compress(data)[: -s.randint(1, 12)],
        lambda s: mutate(compress(data), s),
        lambda s: _members(s, data, compress),
        lambda s: compress(data) + s.randbytes(s.choice((1, 8, 1000))),
        lambda _: compress(compress(data)),
        lambda s: compress(any_bomb(s)),
    )


def _members(source: random.Random, data: bytes, compress: Callable[[bytes], bytes]) -> bytes:
    """Many streams one after another; the empty ones cost 20 bytes each."""
    place, empty = source.randrange(len(data) + 1), compress(b"") * source.choice((0, 1, 500))
    return compress(data[:place]) + empty + compress(data[place:]) + (empty[:-3] if maybe(source, 0.2) else b"")


@functools.cache
def _repeat(what: bytes, size: int) -> bytes:
    return what * (size // len(what))
