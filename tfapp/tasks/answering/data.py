"""The target of answering: spans of a context, several where people disagree, none where it does not answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.core.wording import pluralize
from tfapp.data.cleaning import Rows
from tfapp.data.findings import Finding
from tfapp.data.labels import iter_column
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import Target
from tfapp.errors import DataError
from tfapp.tasks.answering.settings import AnsweringDataSettings

__all__ = ["AnswerTarget", "as_answers"]

# Kinds of rows, in the order of `AnswerTarget.names`.
_KINDS: Final = ("answer", "no answer")


def as_answers(value: Any, question: str, context: str, start: Any = None) -> list[list[int]] | None:
    """Turns a value of a column of answers into spans.

    Args:
        value: A string; a list of them; a list of objects, or one object of lists, with `text` and `answer_start`. An
            empty string or list says that the context does not answer; None and NaN that this is not known.
        question: The question, for messages.
        context: The text that holds the answers.
        start: Where the answer, or each of them, begins in the context, in code points; None where the column lacks it.

    Returns:
        Start and end of each answer in code points, without white space at its ends and each once; None where they are
        missing.

    Raises:
        ValueError: An answer does not stand in its context, or not where it should, or several times.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    pairs = [(text, position) for text, position in _pairs(value, start) if text.strip()]
    spans = (_span(text, position, question, context) for text, position in pairs)
    return [list(span) for span in dict.fromkeys(spans)]


class AnswerTarget(Target):
    """The target of an answerer: spans of contexts."""

    def column(self, settings: DataSettings) -> tuple[str, str]:
        """Returns the column of answers."""
        return AnsweringDataSettings.of(settings).answer, "data.answer"

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns `list<list<int32>>`, pairs of start and end."""
        del settings, multi_label
        return pa.list_(pa.list_(pa.int32())), as_answers

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Counts rows with an answer, and rows without where there are such."""
        answerable = [bool(spans) for spans in iter_column(column) if spans is not None]
        counts = zip(_KINDS, (sum(answerable), len(answerable) - sum(answerable)), strict=True)
        return {kind: count for kind, count in counts if count}

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Gives an answer to train and to each split that was cut off from it; checks that they have one."""
        findings = fill_splits(
            splits, from_files, settings, lambda _, rows: _KINDS[0] in self.counts(rows.table["label"])
        )
        shares = {"train": 1.0, "dev": settings.dev_share, "test": settings.test_share}
        for split, share in shares.items():
            has_answer = _KINDS[0] in self.counts(splits[split].table["label"])
            if (split == "train" or split not in from_files) and share and not has_answer:
                raise DataError(
                    f"{settings.train}: {split} has no question with an answer; check data.answer, add questions, or "
                    f"set another data.split_seed than {settings.split_seed}"
                )
        return findings


def _pairs(value: Any, start: Any) -> Iterator[tuple[str, int | None]]:
    """Yields each answer with its start, None where it has none."""
    texts, starts = (value["text"], value.get("answer_start")) if _has_text(value) else (value, start)
    if isinstance(texts, str):
        texts, starts = [texts], [starts]
    if not isinstance(texts, list):
        # The reader names the row of a ValueError.
        raise ValueError(  # noqa: TRY004
            "is no answer: a string, a list of them, or SQuAD's answers with text and answer_start"
        )
    if starts is None or texts == []:
        starts = [None] * len(texts)
    if not isinstance(starts, list) or len(starts) != len(texts):
        raise ValueError(f"has {pluralize(len(texts), 'answer')}, but the starts are {starts!r:.60}")
    for text, position in zip(texts, starts, strict=True):
        if _has_text(text):
            yield from _pairs(text, None)
        elif isinstance(text, str):
            yield text, _as_position(position)
        else:
            raise ValueError(f"holds what is no answer: {text!r:.60}")


def _has_text(value: Any) -> bool:
    return isinstance(value, Mapping) and "text" in value


def _as_position(value: Any) -> int | None:
    if value is None or str(value).strip() in ("", "nan"):
        return None
    try:
        position = float(value)
    except (TypeError, ValueError):
        position = math.nan
    if not position.is_integer():
        raise ValueError(f"has a start that is no whole number: {value!r:.60}")
    return int(position)


def _span(text: str, start: int | None, question: str, context: str) -> tuple[int, int]:
    note = f"the question is {question!r:.80}"
    if start is None:
        count = context.count(text)
        if count > 1:
            raise ValueError(f"has {text!r:.60}, {count} times in its context: name data.answer_start; {note}")
        if not count:
            raise ValueError(f"has {text!r:.60}, which is not in its context; mend it, or leave it empty; {note}")
        start = context.index(text)
    elif start < 0 or context[start : start + len(text)] != text:
        excerpt = context[start : start + len(text)] if start >= 0 else ""
        raise ValueError(
            f"has {text!r:.60} at {start} of its context, where {excerpt!r:.60} stands; mend the start; {note}"
        )
    inner = text.strip()
    start += text.index(inner)
    return start, start + len(inner)
