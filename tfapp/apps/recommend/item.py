"""An item of a recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Item"]


@dataclass(frozen=True)
class Item:
    """An item that can be recommended.

    Attributes:
        number: Its row in the database.
        key: Its id in the files.
        title: Its title.
        description: What it is about; may be empty.
        tags: Its tags.
        text: What is embedded of it.
        published: Since when it is there; None: always.
    """

    number: int
    key: str
    title: str
    description: str
    tags: tuple[str, ...]
    text: str
    published: datetime | None
