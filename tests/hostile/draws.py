"""Draws of which all hostile inputs are made: names, numbers, texts, and faults in bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

__all__ = ["NUMBERS", "choose", "maybe", "mutate", "name", "number", "several", "text"]

T = TypeVar("T")

NUMBERS: Final = (
    0,
    1,
    -1,
    2,
    3,
    7,
    127,
    128,
    255,
    256,
    65535,
    1 << 31,
    (1 << 31) - 1,
    -(1 << 31),
    (1 << 63) - 1,
    -(1 << 63),
)
_TEXTS: Final = (
    *(
        "",
        " ",
        "a",
        "Ü",
        "\u202e",
        "\x00",
        "\x1b[2J",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    ),
    *("../..", "/etc/passwd", "%00", "%2e%2e%2f", "'; DROP TABLE texts;--", "<script>alert(1)</script>", "{{7*7}}"),
    *(
        "NaN",
        "-Infinity",
        "1e999",
        "0x7f",
        "null",
        "\u0000\uffff",
        "e\u0301" * 40,
        "a" * 300,
        "\n\r\t",
        "=1+1",
        "\ufeff",
    ),
)


def choose(source: random.Random, *draws: Callable[[random.Random], T]) -> T:
    """Draws by one of several draws."""
    return source.choice(draws)(source)


def maybe(source: random.Random, chance: float) -> bool:
    """Tosses a coin."""
    return source.random() < chance


def several(source: random.Random, draw: Callable[[random.Random], T], limit: int) -> list[T]:
    """Draws up to so many, mostly few."""
    return [draw(source) for _ in range(min(source.randrange(limit + 1), source.randrange(limit + 1)))]


def number(source: random.Random) -> int:
    """Draws a whole number, mostly at an edge of 64 bits or less."""
    return source.choice(NUMBERS) if maybe(source, 0.8) else source.randrange(-(1 << 63), 1 << 63)


def text(source: random.Random) -> str:
    """Draws a text that somebody may have taken for something else."""
    if maybe(source, 0.7):
        return source.choice(_TEXTS)
    return "".join(
        chr(source.choice((source.randrange(128), source.randrange(0xD800)))) for _ in range(source.randrange(20))
    )


def name(source: random.Random, names: Sequence[str], right: float = 0.8) -> str:
    """Draws a name that is mostly a known one."""
    return source.choice(list(names)) if names and maybe(source, right) else text(source)


def mutate(data: bytes, source: random.Random) -> bytes:
    """Flips, drops, doubles and puts in bytes."""
    mutation = bytearray(data)
    for _ in range(source.randint(1, 6)):
        at = source.randrange(len(mutation) + 1)
        match source.randrange(5):
            case 0 if at < len(mutation):
                mutation[at] ^= 1 << source.randrange(8)
            case 1:
                del mutation[at : at + source.randint(1, 4)]
            case 2:
                mutation[at:at] = mutation[at : at + source.randint(1, 8)]
            case 3:
                del mutation[at:]
            case _:
                mutation[at:at] = source.randbytes(source.randint(1, 4))
    return bytes(mutation)


def nest(source: random.Random, leaf: Callable[[random.Random], Any], depth: int = 4) -> Any:
    """Draws lists in lists, ragged ones too."""
    if depth == 0 or maybe(source, 0.3):
        return leaf(source)
    return [nest(source, leaf, depth - 1) for _ in range(source.choice((0, 1, 1, 2, 3)))]
