"""Reads and checks the fields and files of forms."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from tfapp.core.files import private_opener
from tfapp.data.stored_texts import storable, tidy
from tfapp.errors import DataError, SettingsError

__all__ = ["LARGEST_KEY", "SUFFIXES", "Form", "read_form", "upload_as_file", "whole_number"]

SUFFIXES: Final = (".csv", ".tsv", ".jsonl", ".ndjson")
"""The suffixes that an uploaded file may have."""
_LONGEST_NAME: Final = 100

LARGEST_KEY: Final = 2**31 - 1
"""The largest number of a row: PostgreSQL's integers have 31 bits."""
_LARGEST: Final = 2**63 - 1
_LONGEST: Final = 20_000
_MOST_LINES: Final = 100
_MOST_FIELDS: Final = 1000
# Bytes of a form without a file; one with a file may be as long as any request.
_LONGEST_BODY: Final = 4 << 20
# RFC 2046, section 5.1.1.
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{1,70}")


class Form:
    """The fields of a form.

    Args:
        data: As Starlette read them.
    """

    def __init__(self, data: FormData | Mapping[str, str]) -> None:
        self._data = data if isinstance(data, FormData) else FormData(data)

    def text(self, name: str, *, longest: int = _LONGEST) -> str:
        """Returns a field's text, line ends as line feeds; empty where it is missing.

        Raises:
            SettingsError: It is too long.
        """
        value = self._data.get(name, "")
        text = storable(value.replace("\r\n", "\n")) if isinstance(value, str) else ""
        if len(text) > longest:
            raise SettingsError(f"{name}: at most {longest} characters, got {len(text)}")
        return text

    def required_text(self, name: str, *, longest: int = _LONGEST) -> str:
        """Returns the text of a field that must not be empty.

        Raises:
            SettingsError: It is, or it is too long.
        """
        text = self.text(name, longest=longest)
        if not text.strip():
            raise SettingsError(f"{name}: must not be empty")
        return text

    def lines(self, name: str, *, fewest: int = 1) -> list[str]:
        """Returns the lines of a field that are not blank.

        Raises:
            SettingsError: There are too few or too many.
        """
        lines = [line.strip() for line in self.text(name).split("\n") if line.strip()]
        if not fewest <= len(lines) <= _MOST_LINES:
            raise SettingsError(f"{name}: give from {fewest} to {_MOST_LINES} lines, got {len(lines)}")
        return lines

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Returns a field that must be one of some words.

        Raises:
            SettingsError: It is none of them.
        """
        value = self.text(name)
        if value not in choices:
            raise SettingsError(f"{name}: must be one of {', '.join(choices)}, got {value[:40]!r}")
        return value

    def number(self, name: str, *, largest: int = _LARGEST) -> int:
        """Returns a field that must be a whole number.

        Raises:
            SettingsError: It is none, or too large.
        """
        return whole_number(name, self.text(name), largest=largest)

    def several(self, name: str) -> list[str]:
        """Returns all values of a field that may come more than once."""
        return [storable(value) for value in self._data.getlist(name) if isinstance(value, str) and value.strip()]

    def upload(self, name: str) -> UploadFile | None:
        """Returns the file of a field, if one was sent."""
        value = self._data.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None


def whole_number(name: str, text: str, *, largest: int = _LARGEST) -> int:
    """Parses a whole number of a form's field or an address.

    Raises:
        SettingsError: It is none, or too large.
    """
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"{name}: must be a whole number, got {text[:20]!r}")
    # Python itself reads no number of thousands of digits.
    if len(text.lstrip("0")) > len(str(largest)) or int(text) > largest:
        raise SettingsError(f"{name}: must be {largest} at most, got {text[:20]}{'...' if len(text) > 20 else ''}")
    return int(text)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[Form]:
    """Reads the form of a request, whose file is there while the block runs.

    It is UTF-8, whatever encoding its sender names: the names of Python's codecs reach ones that are no encodings.

    Raises:
        HTTPException: It is no form, no UTF-8 or too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind == b"multipart/form-data":
        data = await _read_multipart(request, options.get(b"boundary", b""))
    elif kind == b"application/x-www-form-urlencoded":
        data = await _read_urlencoded(request)
    else:
        data = FormData()
    try:
        yield Form(data)
    finally:
        await data.close()


async def _read_urlencoded(request: Request) -> FormData:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise HTTPException(413, f"the form has more than {_LONGEST_BODY >> 20} MB; send less at once")
    pairs: list[tuple[str, str | UploadFile]] = []
    try:
        pairs += parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError as error:
        raise _no_utf8() from error
    except ValueError as error:
        raise HTTPException(400, f"the form has more than {_MOST_FIELDS} fields; send fewer at once") from error
    return FormData(pairs)


async def _read_multipart(request: Request, boundary: bytes) -> FormData:
    if not _BOUNDARY.fullmatch(boundary):
        raise HTTPException(400, "a multipart form needs a boundary of 1 to 70 letters and digits")
    # Latin-1 keeps the bytes, which are read as UTF-8 below.
    kind = b'multipart/form-data; charset=latin-1; boundary="' + boundary + b'"'
    headers = Headers(raw=[(b"content-type", kind)])
    try:
        parts = await MultiPartParser(headers, request.stream(), max_files=1, max_fields=_MOST_FIELDS).parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from error
    try:
        for upload in (value for _, value in parts.multi_items() if isinstance(value, UploadFile)):
            upload.filename = _as_utf8(upload.filename or "")
        return FormData([(_as_utf8(name), _as_utf8(v) if isinstance(v, str) else v) for name, v in parts.multi_items()])
    except UnicodeDecodeError as error:
        await parts.close()
        raise _no_utf8() from error


def _as_utf8(text: str) -> str:
    return text.encode("latin-1").decode()


def _no_utf8() -> HTTPException:
    return HTTPException(400, "the form is not UTF-8; send it as UTF-8")


@contextmanager
def upload_as_file(upload: UploadFile) -> Iterator[tuple[str, Path]]:
    """Yields an upload as a file.

    Yields:
        What it was called, for people to read; and the file, whose name is ours.

    Raises:
        DataError: It ends with none of `SUFFIXES`.
    """
    name = (tidy((upload.filename or "").replace("\\", "/").rpartition("/")[2]) or "texts")[-_LONGEST_NAME:]
    suffix = next((suffix_name for suffix_name in SUFFIXES if name.lower().endswith(suffix_name)), None)
    if suffix is None:
        raise DataError(f"{name}: must end with one of {', '.join(SUFFIXES)}; convert the file")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"texts{suffix}"
        with open(file, "wb", opener=private_opener) as out:
            shutil.copyfileobj(upload.file, out)
        yield name, file
