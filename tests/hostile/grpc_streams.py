"""Connections of gRPC as bytes: whole streams, partial and odd, frames that do not belong."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from tests.hostile.compressed import any_bomb, any_gzip, any_zlib
from tests.hostile.draws import choose, maybe, mutate, number
from tests.hostile.grpc_calls import PREDICT, Call
from tests.hostile.grpc_port import GOOD, Question
from tests.hostile.http2 import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PRIORITY_FIELDS,
    Kind,
    call_headers,
    frame,
    header_block,
    length_prefixed,
    whole_call,
)

__all__ = ["HEALTH", "Conversation", "any_conversation", "bomb", "unread_streams"]

HEALTH: Final = Call("/grpc.health.v1.Health/Check", b"", health_pb2.HealthCheckRequest)
_WATCH: Final = "/grpc.health.v1.Health/Watch"
_REFLECTION: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
_MOST_STREAMS: Final = 4
# Of one stream; so all fit into what a server takes unasked, 64 KiB.
_MOST_BYTES: Final = 15_000
_MOST_TINY_FRAMES: Final = 2_000
_CROWDS: Final = (40, 300, 900)
_SOMETHING: Final = bytes(8)
_ENCODINGS: Final = (
    b"gzip",
    b"gzip",
    b"deflate",
    b"deflate",
    b"identity",
    b"br",
    b"",
    b"gzip,deflate",
    b"\xff",
    b"x" * 99,
)
_TIMEOUTS: Final = (b"1n", b"0S", b"99999999H", b"999999999S", b"-1S", b"1", b"x", b"")
# A server that refuses a call's headers takes its time, up to a second.
_PATIENCE: Final = 0.1

_DrawCall = Callable[[random.Random], Call]


@dataclass(frozen=True)
class Conversation:
    """The bytes that are sent over one connection.

    Attributes:
        parts: Its bytes, in the pieces that are sent.
        ends: The streams that the server must end, whatever it answers.
        questions: The good requests among them, by stream; they must be answered rightly.
        stays: Whether the connection is left open afterwards.
        reads: Whether the caller reads the answers; otherwise its window of flow control stays shut.
    """

    parts: Sequence[bytes]
    ends: frozenset[int]
    questions: dict[int, Question]
    stays: bool
    reads: bool = True


@dataclass(frozen=True)
class _Stream:
    """Bytes of frames, none of which may be parted, and whether the server must end the stream."""

    units: list[bytes]
    ends: bool = True


def any_conversation(source: random.Random, draw: _DrawCall, *, crowds: bool = True) -> Conversation:
    """Draws a connection after its preface.

    Args:
        source: Of the draws.
        draw: Draws a call.
        crowds: Whether there may be hundreds of streams without a message.
    """
    is_damaged, is_lawful = maybe(source, 0.08), maybe(source, 0.7)
    crowd = source.choice(_CROWDS) if crowds and maybe(source, 0.01) else 0
    streams = [_silent_stream(source, 2 * at + 1) for at in range(crowd)]
    calls = {}
    for stream in range(2 * crowd + 1, 2 * (crowd + source.randint(1, _MOST_STREAMS)), 2):
        if maybe(source, 0.3):
            calls[stream] = source.choice(GOOD)
            streams.append(_good(source, stream, calls[stream].request()))
        else:
            # What a fault in its bytes would make of a request is not known.
            call = HEALTH if is_damaged else draw(source)
            new_stream = source.choice(_STREAMS)(source, stream, call)
            # A watch goes on.
            streams.append(_Stream(new_stream.units, new_stream.ends and not call.path.endswith("/Watch")))
    units = _interleave(source, [stream.units for stream in streams])
    for _ in range(source.choice((0, 0, 1, 3))):
        units.insert(source.randrange(len(units) + 1), _lawful_frame(source))
    if not is_lawful:
        units.insert(source.randrange(len(units) + 1), _unlawful_frames(source))
    data = b"".join(units)
    if is_damaged:
        data = mutate(data, source)
    if maybe(source, 0.1):
        return Conversation(_parts(source, data), frozenset(), {}, stays=True, reads=False)
    is_right = is_lawful and not is_damaged
    ends = {2 * at + 1 for at, stream in enumerate(streams) if stream.ends and is_right}
    return Conversation(_parts(source, data), frozenset(ends), calls if is_right else {}, stays=maybe(source, 0.15))


def bomb(size: int) -> Conversation:
    """A compressed message of a thousandth of its size, which is none of the method's."""
    message = length_prefixed(gzip.compress(bytes(size), compresslevel=9), 1)
    head = _head(random.Random(0), 1, PREDICT, (b"grpc-encoding", b"gzip"))
    units = _body(random.Random(0), 1, message, limit=len(message))
    return Conversation([head, *units], frozenset((1,)), {}, stays=False)


def unread_streams(count: int) -> Conversation:
    """Watches of the server's health, lists of its services and checks, so many of each, whose answers nobody reads."""
    services = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    calls = [(_WATCH, b"", True), (_REFLECTION, services, False), (HEALTH.path, b"", True)] * count
    parts = [whole_call(2 * at + 1, path, message, ends=ends) for at, (path, message, ends) in enumerate(calls)]
    return Conversation(parts, frozenset(), {}, stays=True, reads=False)


def _interleave(source: random.Random, streams: list[list[bytes]]) -> list[bytes]:
    """Mixes streams; they begin in their order."""
    queues, stream_count, order = [list(units) for units in streams], 0, []
    while any(queues):
        ready = [queue for queue in queues[:stream_count] if queue]
        if stream_count < len(queues) and (not ready or maybe(source, 0.4)):
            ready, stream_count = [queues[stream_count]], stream_count + 1
        order.append(source.choice(ready).pop(0))
    return order


def _parts(source: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(source.randrange(len(data) + 1) for _ in range(source.choice((0, 0, 1, 3))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _head(
    source: random.Random, stream: int, path: str, *headers: tuple[bytes, bytes], flags: int = 0, without: bytes = b""
) -> bytes:
    """Headers of a call, sometimes in several frames."""
    block = header_block([*(header for header in call_headers(path) if header[0] != without), *headers])
    if maybe(source, 0.1):
        flags, block = flags | PRIORITY_FIELDS, b"\0\0\0\0\x0f" + block
    if maybe(source, 0.9):
        return frame(Kind.HEADERS, flags | END_HEADERS, stream, block)
    place = source.randint(5, len(block))
    return frame(Kind.HEADERS, flags, stream, block[:place]) + frame(
        Kind.CONTINUATION, END_HEADERS, stream, block[place:]
    )


def _body(
    source: random.Random, stream: int, data: bytes, *, ends: bool = True, limit: int = _MOST_BYTES
) -> list[bytes]:
    """Data in frames of any size, and the end of the stream with the last one or after it."""
    data = data[:limit]
    size = (
        source.choice((1, 3)) if len(data) < _MOST_TINY_FRAMES and maybe(source, 0.3) else source.choice((200, 16_384))
    )
    frames = [frame(Kind.DATA, 0, stream, data[start : start + size]) for start in range(0, len(data), size)]
    if ends and frames and maybe(source, 0.7):
        frames[-1] = frames[-1][:4] + bytes((END_STREAM,)) + frames[-1][5:]
    elif ends:
        frames.append(frame(Kind.DATA, END_STREAM, stream))
    return frames


def _good(source: random.Random, stream: int, request: bytes) -> _Stream:
    """A call that is as it should be, compressed or not."""
    match source.randrange(4):
        case 0:
            encoding, message = [(b"grpc-encoding", b"gzip")], length_prefixed(gzip.compress(request), 1)
        case 1:
            encoding, message = [(b"grpc-encoding", b"deflate")], length_prefixed(zlib.compress(request), 1)
        case 2:
            encoding, message = [(b"grpc-encoding", b"gzip")], length_prefixed(request)
        case _:
            encoding, message = [], length_prefixed(request)
    return _Stream([_head(source, stream, PREDICT, *encoding), *_body(source, stream, message)])


def _whole(source: random.Random, stream: int, call: Call) -> _Stream:
    return _Stream([_head(source, stream, call.path), *_body(source, stream, length_prefixed(call.data))])


def _silent_stream(source: random.Random, stream: int, call: Call | None = None) -> _Stream:
    """Nothing after the headers, or not even a message's announced length."""
    part = source.randbytes(source.choice((0, 0, 0, 1, 4)))
    body = _body(source, stream, part, ends=False)
    return _Stream([_head(source, stream, call.path if call else PREDICT), *body], ends=False)


def _partial(source: random.Random, stream: int, call: Call) -> _Stream:
    """A message that breaks off, and the stream with it or not."""
    message = length_prefixed(call.data)
    ends = maybe(source, 0.7)
    data = message[: source.randrange(len(message))]
    return _Stream([_head(source, stream, call.path), *_body(source, stream, data, ends=ends)], ends)


def _wrong_length(source: random.Random, stream: int, call: Call) -> _Stream:
    """A message of another length than announced."""
    size = len(call.data)
    length = source.choice((0, max(size - 1, 0), size + 1, 1 << 24, 1 << 28, (1 << 31) - 1, 1 << 31, (1 << 32) - 1))
    body = _body(source, stream, length_prefixed(call.data, length=length))
    return _Stream([_head(source, stream, call.path), *body], maybe(source, _PATIENCE))


def _several(source: random.Random, stream: int, call: Call) -> _Stream:
    """Sends more messages than the method takes."""
    data = length_prefixed(call.data) * source.choice((2, 3, 50))
    return _Stream([_head(source, stream, call.path), *_body(source, stream, data)])


def _compressed_stream(source: random.Random, stream: int, call: Call) -> _Stream:
    """A message compressed in any form, whose encoding is said, or another one, or none."""
    data = any_bomb(source) if maybe(source, 0.1) else call.data
    encoding = source.choice(_ENCODINGS)
    make = any_zlib if (encoding == b"deflate") != maybe(source, 0.1) else any_gzip
    message = length_prefixed(make(source, data), source.choice((1, 1, 1, 1, 0, 2, 255)))
    headers = [(b"grpc-encoding", encoding)] if maybe(source, 0.85) else []
    body = _body(source, stream, message)
    return _Stream([_head(source, stream, call.path, *headers), *body], maybe(source, _PATIENCE))


def _reset(source: random.Random, stream: int, call: Call) -> _Stream:
    """A stream that is given up at any moment, and perhaps goes on."""
    units = source.choice((_whole, _partial, _several))(source, stream, call).units
    reset = frame(Kind.RST_STREAM, 0, stream, source.choice((0, 2, 8, 11, 1 << 31)).to_bytes(4, "big"))
    at = source.randint(1, len(units))
    return _Stream([*units[:at], reset, *(units[at:] if maybe(source, 0.2) else ())], ends=False)


def _odd_headers(source: random.Random, stream: int, call: Call) -> _Stream:
    name = source.choice(
        (b"a", b"A", b"a-bin", b":path", b":x", b"", b"\0", b"te", b"connection", b"content-length", b"\xff")
    )
    value = source.choice((b"x", b"", b"!!!", b"\0\r\n", b"\xff", b"x" * 9_000, b"x" * 14_000))
    headers = choose(
        source,
        lambda _: [(name, value)],
        lambda s: [(b"grpc-timeout", s.choice(_TIMEOUTS))],
        lambda s: [(b"content-type", s.choice((b"text/plain", b"application/grpc+x")))],
        lambda s: [(b"x-%d" % at, b"y") for at in range(s.choice((10, 500)))],
    )
    without = source.choice((b"", b":method", b":scheme", b":path", b":authority", b"te", b"content-type"))
    flags = END_STREAM if maybe(source, 0.2) else 0
    head = _head(source, stream, call.path, *headers, flags=flags, without=without)
    body = [] if flags else _body(source, stream, length_prefixed(call.data))
    trailers = [frame(Kind.HEADERS, END_HEADERS | END_STREAM, stream, header_block([(b"a", b"b")]))]
    return _Stream([head, *body, *(trailers if maybe(source, 0.1) else ())], ends=False)


_STREAMS: Final = (
    _whole,
    _whole,
    _silent_stream,
    _partial,
    _wrong_length,
    _several,
    _compressed_stream,
    _compressed_stream,
    _reset,
    _odd_headers,
)


def _lawful_frame(source: random.Random) -> bytes:
    """A frame that any client may send at any time."""
    return choose(
        source,
        lambda _: frame(Kind.PING, ACK, 0, _SOMETHING),
        lambda _: frame(Kind.SETTINGS, 0, 0),
        lambda _: frame(Kind.SETTINGS, 0, 0, b"\0\x99\0\0\0\x05"),
        lambda _: frame(Kind.WINDOW_UPDATE, 0, 0, b"\0\0\0\x01"),
        lambda s: frame(s.randint(0x20, 0xFF), s.randrange(256), s.choice((0, 1)), s.randbytes(s.randrange(20))),
    )


def _unlawful_frames(source: random.Random) -> bytes:
    """Frames out of order, of wrong flags, lengths and streams, floods, headers that no table explains."""
    stream = source.choice((0, 1, 1, 2, 3, 99, 1 << 31, (1 << 32) - 1))
    flags, count = source.randrange(256), source.choice((3, 50, 500))
    return choose(
        source,
        lambda s: frame(s.randrange(11), flags, stream, s.randbytes(s.choice((0, 1, 4, 5, 6, 7, 8, 9, 300)))),
        lambda _: frame(Kind.PING, 0, 0, _SOMETHING) * count,
        lambda _: frame(Kind.SETTINGS, 0, 0) * count,
        lambda s: frame(Kind.SETTINGS, 0, 0, s.choice((1, 2, 3, 4, 5, 6)).to_bytes(2, "big") + _four(s)),
        lambda s: frame(Kind.WINDOW_UPDATE, 0, stream, _four(s)),
        lambda s: frame(Kind.GOAWAY, 0, 0, _four(s) + _four(s) + s.randbytes(5)),
        lambda _: frame(Kind.DATA, 0, stream) * count,
        lambda _: frame(Kind.DATA, PADDED, stream, b"\x05" + bytes(6)),
        lambda _: frame(Kind.DATA, PADDED, stream, b"\xff"),
        lambda _: frame(Kind.PRIORITY, 0, 1, b"\0\0\0\x01\0") * count,
        lambda _: frame(Kind.HEADERS, 0, 1001, b"\x82") + frame(Kind.CONTINUATION, 0, 1001) * count,
        lambda _: frame(Kind.HEADERS, 0, 1001, b"\x82") + frame(Kind.PING, 0, 0, _SOMETHING),
        lambda s: frame(Kind.HEADERS, END_HEADERS | s.choice((0, PADDED)), 1001, _odd_block(s)),
        lambda _: b"".join(
            frame(Kind.HEADERS, END_HEADERS, at, header_block([(b":path", b"/a")]))
            + frame(Kind.RST_STREAM, 0, at, bytes(4))
            for at in range(1001, 1001 + 2 * count, 2)
        ),
        lambda _: b"\xff\xff\xff\0\0\0\0\0\x01",
        lambda _: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    )


def _four(source: random.Random) -> bytes:
    return (number(source) % (1 << 32)).to_bytes(4, "big")


def _odd_block(source: random.Random) -> bytes:
    """HPACK with faults: entries that are not there, endless numbers, tables of any size, wrong codes of Huffman."""
    return choose(
        source,
        lambda _: b"\x80",
        lambda _: b"\xbe\xff\x00",
        lambda _: b"\xff" * 12,
        lambda _: b"\x3f" + b"\xff" * 4 + b"\x0f",
        lambda _: b"\x20" * 5,
        lambda _: b"\x40\x81\xff\x81\xff",
        lambda _: b"\x00\x84\xff\xff\xff\xff\x01a",
        lambda _: b"\x00\x7f\xff\xff\xff\xff\x07a",
        lambda s: (b"\x40\x01a\x7f\x81\x1e" + b"x" * 4000) * s.choice((1, 4)),
        lambda s: (b"\x40\x01a\x01b" + b"\xbe" * 5000)[: s.randint(1, 6000)],
        lambda s: s.randbytes(s.randrange(60)),
    )
