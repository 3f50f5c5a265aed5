"""Parses the address of a database, and shows it without its passwords."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tfapp.errors import StoreError

__all__ = ["parse_url", "shown_url"]

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}
_KNOWN: Final = "expected sqlite:///FILE or postgresql://USER@HOST/NAME, or a file's path"
_LARGEST_PORT: Final = 65535
# What is no plain path: a scheme without its slashes, a known one without its colon, a user with a password.
_LIKE_A_URL: Final = re.compile(
    r"[A-Za-z][\w+.-]+:/|(?:sqlite|postgres(?:ql)?)(?:\+\w+)?(?:[:;]|[.,]*//)|(?!\.{0,2}/).*:.*@|\w+[.;]?//.*@",
    re.IGNORECASE,
)
_PASSWORD: Final = re.compile(r"^((?>(?:[\w+.-]*[:;]?//)?)[^:@]*):.*@", re.DOTALL)
_QUERY_PASSWORD: Final = re.compile(r"(password=)[^&#\s]*", re.IGNORECASE)


def parse_url(url: str | Path) -> URL:
    """Reads the address of a database.

    Args:
        url: A SQLite file, or a URL: `sqlite:///FILE`, `postgresql://USER@HOST/DATABASE`.

    Raises:
        StoreError: It looks like a URL and is none, or is of no known kind; its password is not shown.
    """
    if "\0" in str(url):
        raise StoreError(f"{shown_url(str(url))}: an address has no zero characters; {_KNOWN}")
    if isinstance(url, Path) or "://" not in url:
        if isinstance(url, str) and _LIKE_A_URL.match(url):
            raise StoreError(f"{shown_url(url)}: no database URL; {_KNOWN} (./ before a name that looks like a URL)")
        return URL.create("sqlite", database=str(url))
    bad_port = f"{shown_url(url)}: its port is no number from 0 to {_LARGEST_PORT}; {_KNOWN}"
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{shown_url(url)}: no database URL; {_KNOWN}") from error
    except ValueError as error:
        raise StoreError(bad_port) from error
    if not 0 <= (address.port or 0) <= _LARGEST_PORT:
        raise StoreError(bad_port)
    driver = _DRIVERS.get(address.drivername)
    if driver is None:
        raise StoreError(f"{address.drivername}: no known kind of database; {_KNOWN}")
    return address.set(drivername=driver)


def shown_url(url: str | URL) -> str:
    """Returns an address as people may see it, whether it can be read or not.

    Example:
        >>> shown_url("postgresql://me:se@cr/et@host/x?password=too")
        'postgresql://me:***@host/x?password=***'
    """
    text = url if isinstance(url, str) else url.render_as_string(hide_password=True)
    return _QUERY_PASSWORD.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))
