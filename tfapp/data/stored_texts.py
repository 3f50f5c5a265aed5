"""Texts and names as the database keeps them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from tfapp.data.cleaning import is_visible, normalize_text
from tfapp.errors import SettingsError

__all__ = ["LONGEST_NAME", "checked_name", "digest", "storable", "text_key", "tidy"]

LONGEST_NAME: Final = 200
"""Characters that the name of an intent or of a conversation may have."""


def tidy(text: str) -> str | None:
    """Returns a text with single spaces, without characters that databases refuse; None where nothing visible is left.

    Example:
        >>> tidy("  Is it   open? ")
        'Is it open?'
    """
    characters = storable(text, zero="")
    return " ".join(characters.split()) if is_visible(characters) else None


def storable(text: str, *, zero: str = "\N{REPLACEMENT CHARACTER}") -> str:
    """Returns a text in which the characters that databases refuse are replaced.

    `zero` stands for the zero character, which PostgreSQL refuses.
    """
    # A lone surrogate, which JSON can escape, no encoding can hold.
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", zero)


def digest(*parts: str) -> str:
    """Returns a key of 32 characters that stands for texts, in this order."""
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def text_key(text: str) -> str:
    """Returns the digest by which texts that differ in white space, in case or in their Unicode form are one."""
    return digest(normalize_text(text).casefold())


def checked_name(subject: str, name: str) -> str:
    """Tidies the name of a conversation or of an intent that a user gave.

    Raises:
        SettingsError: It is empty or too long.
    """
    tidy_name = tidy(name)
    if tidy_name is None or len(tidy_name) > LONGEST_NAME:
        raise SettingsError(f"{subject}: must have from 1 to {LONGEST_NAME} characters, got {len(name)}")
    return tidy_name
