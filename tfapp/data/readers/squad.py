"""Reads SQuAD's json: articles of paragraphs, each a context with questions (Rajpurkar et al. 2016 and 2018)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tfapp.data.readers.bounds import cell_bytes
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.data.readers.textfile import open_bytes, read_text
from tfapp.errors import DataError

__all__ = ["COLUMNS", "count_rows", "iter_blocks"]

COLUMNS: Final = ("id", "title", "context", "question", "answer")


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Groups questions into blocks; errors as in `tfapp.data.file_formats.FileFormat.read`.

    The columns are `id`, `title` (of the article), `context`, `question` and `answer`: the list of SQuAD's answers,
    objects with `text` and `answer_start`, empty where `is_impossible` is true, None where there is no such list.
    """
    rows = _questions(path, _parse(path, options.encoding))
    names = [name for name in COLUMNS if options.selects(name)]
    for first, some in group_rows(
        rows,
        options.block_rows,
        weigh=lambda row: cell_bytes((row["context"], row["question"])),
        most_bytes=options.block_bytes,
    ):
        yield Block(first, {name: [row[name] for row in some] for name in names})


def count_rows(path: Path) -> int:
    """Estimates the rows by the questions that the file names."""
    with open_bytes(path) as file:
        return file.read().count(b'"question"')


def _parse(path: Path, encoding: str) -> dict[str, Any]:
    try:
        value = json.loads(read_text(path, encoding))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}: not valid JSON: {error.msg} at column {error.colno}; "
            "of one object a line the format is jsonl: set data.format"
        ) from error
    except RecursionError as error:
        raise DataError(f"{path}: not valid JSON: nested too deeply") from error
    if not isinstance(value, dict):
        raise DataError(f'{path}: no SQuAD file: expected an object with "data", got {type(value).__name__}')
    return value


def _questions(path: Path, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for position, article in _members(path, "", document, "data"):
        for inner, paragraph in _members(path, position, article, "paragraphs"):
            context = _text(path, inner, paragraph, "context")
            for last, question in _members(path, inner, paragraph, "qas"):
                yield {
                    "id": question.get("id"),
                    "title": article.get("title"),
                    "context": context,
                    "question": _text(path, last, question, "question"),
                    "answer": [] if question.get("is_impossible") is True else question.get("answers"),
                }


def _members(path: Path, position: str, owner: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns the objects of a list in an object, each with its position in the file."""
    path_in_file = f"{position}.{name}" if position else name
    members = owner.get(name)
    if not isinstance(members, list):
        raise DataError(f"{path}: no SQuAD file: {path_in_file} must be a list, got {type(members).__name__}")
    for number, member in enumerate(members):
        if not isinstance(member, dict):
            raise DataError(
                f"{path}: no SQuAD file: {path_in_file}[{number}] must be an object, got {type(member).__name__}"
            )
        yield f"{path_in_file}[{number}]", member


def _text(path: Path, position: str, owner: dict[str, Any], name: str) -> str:
    value = owner.get(name)
    if not isinstance(value, str):
        raise DataError(f"{path}: {position}.{name} must be a text, got {type(value).__name__}")
    return value
