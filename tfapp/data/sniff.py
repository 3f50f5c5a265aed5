"""Looks at a data file and proposes the settings of an experiment on it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tfapp.config import DataSettings, RatingSettings
from tfapp.config.task_settings import TaskName
from tfapp.data.blocks import FileFormat, estimate_rows, iter_blocks
from tfapp.data.columns import LabelGuess, guess_label, guess_spans, guess_text, looks_headless
from tfapp.data.folders import iter_texts, list_files
from tfapp.data.sources import Catalogue, Pull, Source, resolve
from tfapp.data.textfile import find_bad_byte
from tfapp.errors import DataError

__all__ = ["Proposal", "sniff"]

_SAMPLE_ROWS = 5000
_SAMPLE_FILES = 200
# English in WordPiece of 30522 pieces has a little over four characters a token; an ideograph is a token of its own.
_CHARACTERS_A_TOKEN = 4
_FIRST_IDEOGRAPH = "\u2e80"
_TEXTS_READ = 12_000
_MOST_EPOCHS = 20
# Beyond one window, whole windows with their [CLS] and [SEP].
_WINDOW = 128
_LENGTHS = (32, 64, _WINDOW, 254, 380)


@dataclass(frozen=True)
class Proposal:
    """Settings that suit a data file.

    Attributes:
        data: Values for `DataSettings`, by field; what is left out keeps its default.
        multi_label: Whether a text has several labels.
        max_length: Tokens that hold the most texts whole, 380 at most.
        epochs: More for fewer rows.
        rows: Rows of the file, estimated by its lines where it is text.
        columns: The file's columns; none for a folder.
        notes: What was chosen and why, a sentence each.
        task: What the data are for.
    """

    data: Mapping[str, Any]
    multi_label: bool
    max_length: int
    epochs: int
    rows: int
    columns: tuple[str, ...]
    notes: tuple[str, ...]
    task: TaskName = "classification"

    @property
    def window(self) -> int | None:
        """Tokens that BERT reads at once, where texts of a classification are longer than that."""
        return _WINDOW if self.task == "classification" and self.max_length > _WINDOW else None

    def settings(self) -> DataSettings:
        """The proposed data settings."""
        return DataSettings.model_validate(dict(self.data))


def sniff(
    name: str,
    *,
    format: str = "auto",  # noqa: A002 - the setting's name
    pull: Pull | None = None,
    catalogue: Catalogue | None = None,
) -> Proposal:
    """Proposes settings for a data file.

    Args:
        name: A file, a folder of texts, or a data set's name.
        format: The file's format; "auto" goes by the suffix.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.
        catalogue: The data sets; tfapp's own by default.

    Returns:
        The proposal.

    Raises:
        DataError: There is no such file, it is broken, or no column looks like texts or like labels.
    """
    wanted = DataSettings.model_validate({"train": name, "format": format})
    source = resolve(name, wanted, pull=pull, catalogue=catalogue)
    if source.format == "folder":
        return _sniff_folder(source)
    if source.asset is not None:
        return _sniff_data_set(source)
    encoding, notes = _guess_encoding(source)
    if source.format == "conll":
        return _sniff_words(source, format, encoding, notes)
    columns, header = _sample(source.path, source.format, encoding)
    if not any(columns.values()):
        raise DataError(f"{name}: no rows to look at")
    if {"question", "context"} <= columns.keys():
        return _sniff_answers(source, columns, _differing(source, format, encoding, header), notes)
    text = _choose_text(source, columns)
    spans = guess_spans(columns)
    if spans:
        return _sniff_spans(source, _differing(source, format, encoding, header), columns, (text, spans), notes)
    label, label_notes = _choose_label(source, columns, text)
    data = {"train": name} | _differing(source, format, encoding, header) | {"text": text} | _label_settings(label)
    about = [f'texts: column "{text}" (the longest strings); columns: {_listed(columns)}', *label_notes, *notes]
    if not header:
        about.append("the first line looks like data: the columns are named by number")
    rows = estimate_rows(source.path, source.format) or len(columns[text])
    return _propose(data, columns[text], rows, about, multi_label=label.multi_label, columns=tuple(columns))


def _sniff_folder(source: Source) -> Proposal:
    encoding, notes = _guess_folder_encoding(source)
    files = list_files(source.path)
    labels = sorted({label for _, label, _ in files})
    texts = list(iter_texts(source.path, list_files(source.path, _SAMPLE_FILES), encoding))
    data = {"train": source.name} | ({} if encoding == "utf-8" else {"encoding": encoding})
    about = [f"labels: the {len(labels)} sub-folders", *notes]
    return _propose(data, texts, len(files), about)


def _sniff_words(source: Source, format: str, encoding: str, notes: list[str]) -> Proposal:  # noqa: A002
    """A file with a word and its tag a line; read whole, for its rows cannot be counted otherwise."""
    texts: list[str] = []
    types: dict[str, None] = {}
    for block in iter_blocks(source.path, source.format, encoding=encoding):
        texts += block.columns["text"]
        types |= dict.fromkeys(span["label"] for spans in block.columns["label"] for span in spans)
    if not types:
        raise DataError(f"{source.name}: no word has a tag other than O; set data.tag_column in a settings file")
    data = {"train": source.name} | _differing(source, format, encoding, header=True)
    about = [f"words in the first column, tags in the last; types: {', '.join(sorted(types))}", *notes]
    return _propose_tagging(data, texts, len(texts), about)


def _sniff_spans(
    source: Source,
    differing: dict[str, Any],
    columns: Mapping[str, Sequence[Any]],
    names: tuple[str, str],
    notes: list[str],
) -> Proposal:
    """A file with lists of spans."""
    text, spans = names
    about = [f'texts: column "{text}", spans: column "{spans}"; columns: {_listed(columns)}', *notes]
    rows = estimate_rows(source.path, source.format) or len(columns[text])
    data = {"train": source.name} | differing | {"text": text, "label": spans}
    return _propose_tagging(data, columns[text], rows, about, columns=tuple(columns))


def _propose_tagging(
    data: dict[str, Any], texts: Sequence[Any], rows: int, notes: list[str], *, columns: tuple[str, ...] = ()
) -> Proposal:
    tokens = _count_tokens(texts)
    wanted = float(np.percentile(tokens, 95))
    max_length = next((length for length in _LENGTHS if wanted <= length <= _WINDOW), _WINDOW)
    notes.append(
        f"max_length: 95 % of the texts have up to about {wanted:.0f} tokens; longer ones than {max_length} are read "
        "in windows"
    )
    return Proposal(data, False, max_length, _epochs(rows), rows, columns, tuple(notes), "tagging")


def _sniff_data_set(source: Source) -> Proposal:
    columns, _ = _sample(source.path, source.format, "utf-8")
    rows = estimate_rows(source.path, source.format) or 0
    texts = columns.get(source.settings.text, [])
    return _propose({"train": source.name}, texts, rows, ["its columns are known by its name"], columns=tuple(columns))


def _sniff_answers(
    source: Source, columns: Mapping[str, Sequence[Any]], differing: dict[str, Any], notes: list[str]
) -> Proposal:
    answer = next((name for name in ("answer", "answers") if name in columns), None)
    if answer is None:
        raise DataError(
            f'{source.name}: there are questions and contexts, but no column "answer" or "answers"; set data.answer; '
            f"columns: {_listed(columns)}"
        )
    data = {"train": source.name} | differing | ({"answer": answer} if answer != "answer" else {})
    pairs = zip(columns["question"], columns["context"], strict=True)
    rows = estimate_rows(source.path, source.format) or len(columns["question"])
    about = [f'questions with contexts; answers: column "{answer}"', *notes]
    texts = [f"{question} {context}" for question, context in pairs]
    return _propose(data, texts, rows, about, columns=tuple(columns), task="answering")


def _propose(
    data: dict[str, Any],
    texts: Sequence[Any],
    rows: int,
    notes: list[str],
    *,
    multi_label: bool = False,
    columns: tuple[str, ...] = (),
    task: TaskName = "classification",
) -> Proposal:
    tokens = _count_tokens(texts)
    wanted = float(np.percentile(tokens, 95))
    max_length = next((length for length in _LENGTHS if length >= wanted), _LENGTHS[-1])
    cut = float(np.mean(tokens > max_length))
    what = f"{max_length} cuts {cut:.0%} of them"
    if task == "answering":
        what = f"with {max_length}, {cut:.0%} of them are read in several windows"
    notes.append(f"max_length: 95 % of the texts have up to about {wanted:.0f} tokens; {what}")
    return Proposal(data, multi_label, max_length, _epochs(rows), rows, columns, tuple(notes), task)


def _count_tokens(texts: Sequence[Any]) -> np.ndarray:
    return np.array([_guess_tokens(text) for text in texts if isinstance(text, str)] or [2])


def _guess_tokens(text: str) -> float:
    """Two more are [CLS] and [SEP]."""
    ideographs = 0 if text.isascii() else sum(character >= _FIRST_IDEOGRAPH for character in text)
    return ideographs + (len(text) - ideographs) / _CHARACTERS_A_TOKEN + 2


def _epochs(rows: int) -> int:
    """Few texts are read more often, so that there are some hundred steps to learn in."""
    return min(max(math.ceil(_TEXTS_READ / max(rows, 1)), 1), _MOST_EPOCHS)


def _sample(path: Path, format: FileFormat, encoding: str) -> tuple[dict[str, list[Any]], bool]:  # noqa: A002
    """The first rows by column, and whether the file has a header."""
    if format in ("csv", "tsv"):
        bare = next(iter_blocks(path, format, encoding=encoding, header=False, block_rows=_SAMPLE_ROWS + 1)).columns
        first = [values[0] for values in bare.values()]
        rest = {name: values[1:] for name, values in bare.items()}
        if looks_headless(first, rest) or len(set(first)) < len(first):
            return bare, False
        return dict(zip(first, rest.values(), strict=True)), True
    return next(iter_blocks(path, format, encoding=encoding, block_rows=_SAMPLE_ROWS)).columns, True


def _choose_text(source: Source, columns: Mapping[str, Sequence[Any]]) -> str:
    text = guess_text(columns)
    if text is None:
        raise DataError(f"{source.name}: no column holds texts; columns: {_listed(columns)}")
    return text


def _choose_label(source: Source, columns: Mapping[str, Sequence[Any]], text: str) -> tuple[LabelGuess, list[str]]:
    guesses = guess_label(columns, text, strings=source.format in ("csv", "tsv"))
    if not guesses:
        raise DataError(
            f'{source.name}: the texts are in "{text}", but no column looks like labels (few values that come again) '
            f"or a rating; columns: {_listed(columns)}"
        )
    best, others = guesses[0], [guess.column for guess in guesses[1:]]
    how = "a rating" if best.rating else "several labels a text" if best.multi_label else "few distinct values"
    notes = [f'labels: column "{best.column}" ({how})']
    if others:
        notes.append(f"labels could also be in: {', '.join(map(repr, others))}")
    return best, notes


def _label_settings(label: LabelGuess) -> dict[str, Any]:
    if label.rating:
        return {"rating": RatingSettings.model_validate(label.rating).model_dump()}
    return {"label": label.column} | ({"label_separator": label.separator} if label.separator else {})


def _differing(source: Source, format: str, encoding: str, header: bool) -> dict[str, Any]:  # noqa: A002
    values: dict[str, Any] = {} if format == "auto" else {"format": source.format}
    if encoding != "utf-8":
        values["encoding"] = encoding
    return values if header else {**values, "header": False}


def _guess_encoding(source: Source) -> tuple[str, list[str]]:
    return ("utf-8", []) if source.format == "parquet" else _encoding_of([source.path])


def _guess_folder_encoding(source: Source) -> tuple[str, list[str]]:
    files = islice(list_files(source.path), _SAMPLE_FILES)
    return _encoding_of([source.path / path for _, _, path in files])


def _encoding_of(paths: Sequence[Path]) -> tuple[str, list[str]]:
    bad = next((path for path in paths if find_bad_byte(path, "utf-8")), None)
    if bad is None:
        return "utf-8", []
    with bad.open("rb") as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
    tried = ("utf-16",) if marked else ("cp1252", "latin-1")
    encoding = next((name for name in tried if not any(find_bad_byte(path, name) for path in paths)), "latin-1")
    return encoding, [f"encoding: {bad.name} is not UTF-8; {encoding} decodes it, but check accented letters"]


def _listed(columns: Mapping[str, Any]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
