"""Guesses the text encoding of a data file."""

from __future__ import annotations

from itertools import islice

from tfapp.data.readers.folders import list_files
from tfapp.data.readers.textfile import find_bad_byte, open_bytes
from tfapp.data.sources import Source

__all__ = ["guess_encoding"]


def guess_encoding(source: Source, most_files: int) -> tuple[str, tuple[str, ...]]:
    """Returns the encoding, and a note for the user where it is not UTF-8.

    Args:
        source: The data file, or a folder of texts.
        most_files: How many files of a folder are looked at.
    """
    if not source.file_format.is_text:
        return "utf-8", ()
    paths = [source.path]
    if source.format == "folder":
        paths = [source.path / path for _, _, path in islice(list_files(source.path), most_files)]
    undecodable_file = next((path for path in paths if find_bad_byte(path, "utf-8")), None)
    if undecodable_file is None:
        return "utf-8", ()
    with open_bytes(undecodable_file) as file:
        has_utf16_mark = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    candidates = ("utf-16",) if has_utf16_mark else ("cp1252", "latin-1")
    encoding = next((name for name in candidates if not any(find_bad_byte(path, name) for path in paths)), "latin-1")
    return encoding, (
        f"encoding: {undecodable_file.name} is not UTF-8; {encoding} decodes it, but check accented letters",
    )
