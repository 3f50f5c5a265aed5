"""Lists what a terminal obeys instead of showing it, by Unicode's own tables."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

__all__ = ["HOSTILE_TEXTS", "control_characters"]

_CONTROL_CATEGORIES = ("Cc", "Zl", "Zp", "Cs")
# Unicode's Bidi_Control: these by their class, the marks by their code, as letters have the marks' classes, too.
_MARKS = "\u061c\u200e\u200f"
_DIRECTIONS = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def control_characters(text: str) -> set[str]:
    """Returns the characters of a text that no terminal should be sent, but for tabs and newlines."""
    return {
        character
        for character in text
        if character not in "\t\n"
        and (
            unicodedata.category(character) in _CONTROL_CATEGORIES
            or unicodedata.bidirectional(character) in _DIRECTIONS
            or character in _MARKS
        )
    }


HOSTILE_TEXTS = st.text(
    st.one_of(
        st.characters(categories=_CONTROL_CATEGORIES),
        st.sampled_from("\x1b\x9b\u202e\u2066\u061c\u200e\u200f\r\t\n[]/:;0"),
        st.characters(),
    ),
    max_size=20,
) | st.sampled_from(
    [
        "\x1b]0;title\x07",
        "\x1b[2J\x1b[H",
        "\x9b31m",
        "[red]x[/red]",
        "[/]",
        ":boom:",
        "\\[b]",
        "a\u202eb\u2066c",
        "a\u061cb\u200ec\u200f",
        "\ud800",
    ]
)
