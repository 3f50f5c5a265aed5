"""Reads a folder of text files: FOLDER/LABEL/any/NAME.txt is one text with the label of its first sub-folder."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tfapp.data.readers.textfile import read_text
from tfapp.errors import DataError

__all__ = ["FolderText", "iter_texts", "list_files"]

FolderText = tuple[int, str, str]
"""A file's ordinal among all of its folder, counted from 1; its label; its path in the folder, with slashes."""


def list_files(folder: Path, max_rows: int | None = None) -> list[FolderText]:
    """Lists the texts of a folder, sorted by label and path; hidden files and folders are no texts.

    At most `max_rows` are kept, in equal numbers of every label as far as there are any.

    Raises:
        DataError: No sub-folder holds a file.
    """
    paths = (file.relative_to(folder) for file in folder.glob("*/**/*") if file.is_file())
    texts = sorted((p.parts[0], p.as_posix()) for p in paths if not any(part.startswith(".") for part in p.parts))
    files = [(ordinal, label, path) for ordinal, (label, path) in enumerate(texts, start=1)]
    if not files:
        raise DataError(
            f"{folder}: no texts; expected one sub-folder a label with the texts in it, as {folder}/sports/1.txt"
        )
    return files if max_rows is None else _balance_labels(files, max_rows)


def iter_texts(folder: Path, files: list[FolderText], encoding: str) -> Iterator[str]:
    """Reads the texts one by one; errors as in `tfapp.data.readers.textfile.open_text`."""
    for _, _, path in files:
        yield read_text(folder / path, encoding)


def _balance_labels(files: list[FolderText], count: int) -> list[FolderText]:
    ranks = [(rank, file) for _, group in groupby(files, lambda file: file[1]) for rank, file in enumerate(group)]
    return sorted(file for _, file in sorted(ranks)[:count])
