"""HTTP/2 by hand: frames as bytes, and what a server answers to them; a library would not write what is wrong.

Source: RFC 9113 (HTTP/2), RFC 7541 (HPACK), and "gRPC over HTTP2" of the gRPC project.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum
from typing import Final

__all__ = [
    "ACK",
    "END_HEADERS",
    "END_STREAM",
    "PADDED",
    "PREFACE",
    "PRIORITY_FIELDS",
    "Http2Connection",
    "Kind",
    "call_headers",
    "frame",
    "header_block",
    "length_prefixed",
    "whole_call",
]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FIELDS: Final = 0x20

_FRAME_HEADER: Final = 9
_PREFIX: Final = 5
_INITIAL_WINDOW: Final = 65_535
_MOST_WINDOW: Final = (1 << 31) - 1
_INITIAL_WINDOW_SIZE: Final = 4


class Kind(IntEnum):
    """Types of frames."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Writes a frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def header_block(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Writes headers as HPACK's literals, which need no table."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in headers)


def length_prefixed(message: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """Writes a message of gRPC.

    Args:
        message: Its bytes.
        flag: 1 where it is compressed.
        length: What is announced; None: the truth.
    """
    return bytes((flag,)) + (len(message) if length is None else length).to_bytes(4, "big") + message


def call_headers(path: str) -> list[tuple[bytes, bytes]]:
    """Returns the headers that each call of gRPC has.

    Args:
        path: Of its method.
    """
    return [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"a"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ]


def whole_call(stream: int, path: str, message: bytes, *, ends: bool = True) -> bytes:
    """Writes a call of gRPC with one message, as it should be.

    Args:
        stream: Its number.
        path: Of its method.
        message: The message's bytes.
        ends: Whether no more messages follow.
    """
    data = frame(Kind.DATA, END_STREAM if ends else 0, stream, length_prefixed(message))
    return frame(Kind.HEADERS, END_HEADERS, stream, header_block(call_headers(path))) + data


def _string(value: bytes) -> bytes:
    if len(value) < 127:
        return bytes((len(value),)) + value
    rest, encoding = len(value) - 127, bytearray((127,))
    while rest > 127:
        encoding.append(rest & 127 | 128)
        rest >>= 7
    return bytes(encoding) + bytes((rest,)) + value


class Http2Connection:
    """A connection and what the server sent on it.

    Args:
        address: HOST:PORT.
        seconds: What no answer takes.

    Attributes:
        begun: The streams on which the server has sent headers.
        ended: The streams that the server has ended.
        headers: All blocks of headers that came, as they came.
        is_closed: Whether the server takes or sends no more.
    """

    def __init__(self, address: str, seconds: float) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._data: defaultdict[int, bytearray] = defaultdict(bytearray)
        self.begun: set[int] = set()
        self.ended: set[int] = set()
        self.headers = b""
        self.is_closed = False

    def open(self, window: int = _MOST_WINDOW) -> None:
        """Sends what every client sends first.

        Args:
            window: The bytes of messages that each stream takes: by default, flow control never holds the server up; 0:
                no message is ever sent.
        """
        setting = _INITIAL_WINDOW_SIZE.to_bytes(2, "big") + window.to_bytes(4, "big")
        increment = (_MOST_WINDOW - _INITIAL_WINDOW).to_bytes(4, "big")
        self.send([PREFACE + frame(Kind.SETTINGS, 0, 0, setting) + frame(Kind.WINDOW_UPDATE, 0, 0, increment)])

    def send(self, parts: Sequence[bytes]) -> None:
        """Sends bytes, each part by itself, as far as the server takes them."""
        try:
            for part in parts:
                self._socket.sendall(part)
        except TimeoutError:
            raise
        except OSError:
            self.is_closed = True

    def wait_for(self, streams: Collection[int]) -> None:
        """Reads until the server has ended some streams, or closes.

        Raises:
            TimeoutError: It did neither in time.
        """
        while not self.is_closed and not self.ended.issuperset(streams):
            self._read()

    def wait_for_headers(self, streams: Collection[int]) -> None:
        """Reads until the server has begun to answer some streams, or closes.

        Raises:
            TimeoutError: It did neither in time.
        """
        while not self.is_closed and not self.begun.issuperset(streams):
            self._read()

    def finish(self) -> None:
        """Sends no more, and reads until the server closes.

        Raises:
            TimeoutError: It did not in time.
        """
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_closed = True
        while not self.is_closed:
            self._read()
        self.close()

    def close(self) -> None:
        """Closes it, whatever goes on."""
        self._socket.close()

    def message(self, stream: int) -> bytes | None:
        """The first message that came on a stream; None: none has."""
        data = bytes(self._data[stream])
        return data[_PREFIX:][: int.from_bytes(data[1:_PREFIX], "big")] if len(data) >= _PREFIX else None

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            data = b""
        self.is_closed = not data
        self._unread += data
        while len(self._unread) >= _FRAME_HEADER:
            end = _FRAME_HEADER + int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < end:
                return
            head, payload, self._unread = (
                self._unread[:_FRAME_HEADER],
                self._unread[_FRAME_HEADER:end],
                self._unread[end:],
            )
            self._take(head[3], head[4], int.from_bytes(head[5:], "big"), payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        match kind:
            case Kind.DATA:
                self._data[stream] += payload
            case Kind.HEADERS | Kind.CONTINUATION:
                self.headers += payload
                self.begun.add(stream)
            case Kind.SETTINGS if not flags & ACK:
                self.send([frame(Kind.SETTINGS, ACK, 0)])
            case Kind.PING if not flags & ACK:
                self.send([frame(Kind.PING, ACK, 0, payload)])
        if kind == Kind.RST_STREAM or (kind in (Kind.DATA, Kind.HEADERS) and flags & END_STREAM):
            self.ended.add(stream)
