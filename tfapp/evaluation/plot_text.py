"""The texts of drawings: how wide they are, where they are cut, and in which fonts they are written."""

from __future__ import annotations

import functools
import unicodedata

__all__ = ["ems_of", "font_families", "truncate_label"]


def truncate_label(name: str, ems: float = 20) -> str:
    """Returns a label in one line, cut where it gets too long to stand beside a drawing."""
    line = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in name).split()) or "(blank)"
    if ems_of(line) <= ems:
        return line
    while ems_of(line) > ems - 1:
        line = line[:-1]
    return line.rstrip() + "…"


def ems_of(text: str) -> float:
    """Returns roughly the width of a text, rather too wide; the reader's font is not known here."""
    return sum(_em(character) for character in text)


def _em(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.02
    if character in "iljtfrI.,:;'|!()[]- ":
        return 0.42
    return 0.95 if character in "mwMW@%…" else 0.75 if character.isupper() else 0.62


@functools.cache
def font_families() -> list[str]:
    """Returns matplotlib's own font, then up to three of the machine's fonts for Chinese, Japanese and Korean."""
    from matplotlib import font_manager

    parts = ("CJK", "PingFang", "Hiragino Sans", "Apple SD Gothic", "WenQuanYi", "Droid Sans Fallback", "Arial Unicode")
    names = font_manager.get_font_names()
    return ["DejaVu Sans", *sorted({name for name in names if any(part in name for part in parts)})[:3]]
