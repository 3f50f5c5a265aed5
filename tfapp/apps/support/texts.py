"""Texts and names as the database keeps them."""

from __future__ import annotations

from typing import Final

from tfapp.data.cleaning import is_visible
from tfapp.errors import SettingsError

__all__ = ["LONGEST_NAME", "checked_name", "tidy"]

LONGEST_NAME: Final = 200
"""Characters that the name of an intent or of a conversation may have."""


def tidy(text: str) -> str | None:
    """A text with single spaces, and without what a database does not keep; None where nothing is to be seen.

    Example:
        >>> tidy("  Is it   open? ")
        'Is it open?'
    """
    # A lone surrogate, which JSON can escape and no encoding can hold; and a zero, which PostgreSQL refuses.
    kept = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return " ".join(kept.split()) if is_visible(kept) else None


def checked_name(what: str, name: str) -> str:
    """Tidies the name of a conversation or of an intent that a user gave.

    Raises:
        SettingsError: It is empty or too long.
    """
    tidied = tidy(name)
    if tidied is None or len(tidied) > LONGEST_NAME:
        raise SettingsError(f"{what}: must have from 1 to {LONGEST_NAME} characters, got {len(name)}")
    return tidied
