"""Makes text of others harmless for a terminal; all text of servers and files that is printed passes through here."""

from __future__ import annotations

import json
import re
from typing import Any, Final

__all__ = ["json_line", "one_line", "printable"]

# Codes that a terminal obeys (C0 without tab and newline, DEL, C1), line separators, what turns the direction of text
# or reorders its neighbours (Unicode's property Bidi_Control; TR 36, "bidirectional text spoofing"), and halves of
# surrogate pairs, which no encoding can hold.
_CONTROLS: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_SURROGATES: Final = "\ud800-\udfff"
_CONTROL: Final = re.compile(f"[{_CONTROLS}]")
_SURROGATE: Final = re.compile(f"[{_SURROGATES}]")
_UNSAFE: Final = re.compile(f"[{_CONTROLS}{_SURROGATES}]")


def printable(text: str) -> str:
    r"""Returns a text without the characters that a terminal obeys; tabs and newlines stay.

    Example:
        >>> printable("\x1b[2Jsure\u202e")
        '[2Jsure'
    """
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub("", text))


def one_line(text: str) -> str:
    r"""Returns a text as one column of one line: printable, with single spaces.

    Example:
        >>> one_line("a\tb\r\n c")
        'a b c'
    """
    return printable(" ".join(text.split()))


def json_line(value: Any) -> str:
    r"""Returns a value as JSON on one line; characters that a terminal would obey are escaped, so that the value stays.

    Example:
        >>> json_line({"é": "\x1b\x9b"})
        '{"é": "\\u001b\\u009b"}'
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
