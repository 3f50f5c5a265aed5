"""Reads CoNLL columns: a word and its tag a line, a sentence a row.

A blank line, or one of white space only, ends a sentence. Columns are apart by tabs, or by spaces in a line without a
tab. The words of a sentence become a text, joined by single spaces; their tags become spans in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tfapp.data.readers.bounds import cell_bytes, iter_lines
from tfapp.data.readers.read_options import ReadOptions
from tfapp.data.readers.row_blocks import Block, group_rows
from tfapp.data.readers.tag_schemes import Tag, bad_tags, detect_scheme, parse_tag, tags_to_entities
from tfapp.data.readers.textfile import open_text
from tfapp.data.readers.word_columns import WordColumns
from tfapp.errors import DataError

__all__ = ["iter_blocks"]

# Stands for the border between two documents.
_BORDER: Final = "-DOCSTART-"


@dataclass(frozen=True)
class _ConllSentence:
    """The words of a sentence, their tags, and the lines that they stand on, counted from 1."""

    words: list[str]
    tags: list[Tag]
    lines: list[int]


def iter_blocks(path: Path, options: ReadOptions) -> Iterator[Block]:
    """Yields blocks of `text` and `label`, a list of spans a row, as jsonl has them.

    The file is read twice: whether its tags are IOB1, IOB2 or BIOES shows in the whole of it.

    Raises:
        DataError: A line has too few columns or no word, a tag is none, or stands where it may not and
            `on_bad_tags` is "fail"; names the line.
    """
    encoding, columns = options.encoding, options.words
    scheme = columns.scheme
    if scheme == "auto":
        scheme = detect_scheme(sentence.tags for sentence in _sentences(path, encoding, columns))
    all_sentences = _sentences(path, encoding, columns)
    for first, sentences in group_rows(
        all_sentences,
        options.block_rows,
        weigh=lambda sentence: cell_bytes(sentence.words),
        most_bytes=options.block_bytes,
    ):
        problems = [
            [(sentence.lines[bad.position], bad.reason) for bad in bad_tags(sentence.tags, scheme)]
            for sentence in sentences
        ]
        if columns.on_bad_tags == "fail" and any(problems):
            line, reason = next(filter(None, problems))[0]
            raise DataError(f'{path}, line {line}: {reason}; mend the tag, or set data.on_bad_tags = "repair"')
        drops_bad = columns.on_bad_tags == "drop"
        valid_sentences = [
            sentence for sentence, bad in zip(sentences, problems, strict=True) if not (drops_bad and bad)
        ]
        rows = [_to_row(sentence) for sentence in valid_sentences]
        texts, spans = [text for text, _ in rows], [spans for _, spans in rows]
        lines = tuple(sentence.lines[0] for sentence in valid_sentences)
        yield Block(first, {"text": texts, "label": spans}, lines, tuple(chain.from_iterable(problems)))


def _to_row(sentence: _ConllSentence) -> tuple[str, list[dict[str, Any]]]:
    ends = []
    length = -1
    for word in sentence.words:
        length += 1 + len(word)
        ends.append(length)
    spans = [
        {"start": ends[first] - len(sentence.words[first]), "end": ends[last], "label": label}
        for first, last, label in tags_to_entities(sentence.tags)
    ]
    return " ".join(sentence.words), spans


def _sentences(path: Path, encoding: str, columns: WordColumns) -> Iterator[_ConllSentence]:
    sentence = _ConllSentence([], [], [])
    with open_text(path, encoding, newline="\n") as file:
        for number, line in enumerate(iter_lines(path, file), start=1):
            fields = _fields(line)
            if fields and fields[0] != _BORDER:
                word, tag = _pick(path, number, fields, columns)
                sentence.words.append(word)
                sentence.tags.append(tag)
                sentence.lines.append(number)
            elif sentence.words:
                yield sentence
                sentence = _ConllSentence([], [], [])
    if sentence.words:
        yield sentence


def _fields(line: str) -> list[str]:
    """Splits a line at tabs and spaces; other blanks, such as a no-break space, belong to words."""
    if line.isspace():
        return []
    line = line.rstrip("\r\n")
    return [field.strip(" ") for field in line.split("\t")] if "\t" in line else re.findall("[^ ]+", line)


def _pick(path: Path, number: int, fields: Sequence[str], columns: WordColumns) -> tuple[str, Tag]:
    width = max(index + 1 if index >= 0 else -index for index in (columns.word, columns.tag))
    if len(fields) < max(width, 2):
        raise DataError(
            f"{path}, line {number}: expected at least {max(width, 2)} columns, a word and its tag among them, got "
            f"{len(fields)}: {' '.join(fields)!r:.60}; mend the line, or set data.word_column and data.tag_column"
        )
    word, tag = fields[columns.word], fields[columns.tag]
    if not word:
        raise DataError(f"{path}, line {number}: the column of words (data.word_column) is empty; mend the line")
    try:
        return word, parse_tag(tag)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}; mend it, or set data.tag_column") from error
