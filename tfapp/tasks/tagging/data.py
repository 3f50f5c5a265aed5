"""The target of tagging: spans of a text that have a label, such as names of persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows, drop_marked
from tfapp.data.findings import Finding, name_list
from tfapp.data.labels import as_label, iter_column
from tfapp.data.readers.word_columns import WordColumns
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import Target
from tfapp.errors import DataError
from tfapp.tasks.tagging.settings import TaggingDataSettings

__all__ = ["SPANS", "SpanTarget", "as_spans"]

LabelledSpan = dict[str, Any]
"""`start` and `end`, positions in the text in code points, and `label`."""

SPANS: Final = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]))


def as_spans(value: Any, text: str) -> list[LabelledSpan] | None:
    """Turns a value of a column of spans into spans.

    Args:
        value: A list of objects with `start`, `end` and `label`, or of lists of these three; None is no value.
        text: The text that they are in. Offsets count Unicode code points, `end` is behind the last.

    Returns:
        The spans, first to last, without white space at their ends; None where they are missing.

    Raises:
        ValueError: A span has another form, lies outside the text, holds white space alone, or overlaps another.
    """
    if value is None:
        return None
    if not isinstance(value, list):
        raise ValueError(  # noqa: TRY004 - what a user's file holds
            'is no list of spans such as {"start": 0, "end": 5, "label": "person"}'
        )
    spans = sorted((_as_span(item, text) for item in value), key=lambda span: (span["start"], span["end"]))
    for span, other in pairwise(spans):
        if other["start"] < span["end"]:
            raise ValueError(f"has spans that overlap: {_span_text(span)} and {_span_text(other)}; keep one of them")
    return spans


def _as_span(item: Any, text: str) -> LabelledSpan:
    fields = list(item) if isinstance(item, list | tuple) else _fields(item)
    positions = fields[:2]
    if len(fields) != 3 or not all(
        isinstance(position, int) and not isinstance(position, bool) for position in positions
    ):
        raise ValueError(f'has a span that is none: {item!r:.80}; expected {{"start": 0, "end": 5, "label": "person"}}')
    start, end = positions
    label = fields[2] if isinstance(fields[2], str) else None
    if label is None or as_label(label) is None:
        raise ValueError(f"has a span without a label: {item!r:.80}")
    if not 0 <= start < end <= len(text):
        raise ValueError(f"has the span {start} to {end} outside its text of {len(text)} characters")
    inner = text[start:end]
    start, end = start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
    if start >= end:
        raise ValueError(f"has the span {positions[0]} to {positions[1]}, which is white space")
    return {"start": start, "end": end, "label": as_label(label)}


def _fields(item: Any) -> list[Any]:
    return [item.get(name) for name in ("start", "end", "label")] if isinstance(item, Mapping) else []


def _span_text(span: LabelledSpan) -> str:
    return f"{span['start']} to {span['end']} ({span['label']})"


class SpanTarget(Target):
    """The target of a tagger: spans with types."""

    def words(self, settings: DataSettings) -> WordColumns:
        """Returns the columns of words and tags that the settings name."""
        own = TaggingDataSettings.of(settings)
        return WordColumns(own.word_column, own.tag_column, own.tag_scheme, own.on_bad_tags)

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns `list<struct<start: int32, end: int32, label: string>>`."""
        del settings, multi_label
        return SPANS, as_spans

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Counts rows by the types that they hold, sorted."""
        return dict(sorted(Counter(label for labels in _labels(column) for label in labels).items()))

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops rows with types that train lacks; gives each split that is not empty by the settings a span."""
        findings = fill_splits(splits, from_files, settings, lambda _, rows: any(_labels(rows.table["label"])))
        train_types = set(self.names(splits["train"].table["label"], settings))
        for split in ("dev", "test"):
            if split in from_files:
                description = f"in {split} with a type that train lacks"
                splits[split], losses = _drop_unknown(splits[split], train_types, settings, description)
                findings += losses
        shares = {"train": 1.0, "dev": settings.dev_share, "test": settings.test_share}
        for split, share in shares.items():
            if (split in from_files or share) and not any(_labels(splits[split].table["label"])):
                raise DataError(
                    f"{splits[split].name}: {split} has no text with a span; check data.label, add texts, or set "
                    f"another data.split_seed than {settings.split_seed}"
                )
        return findings

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Drops rows with a type that is none of `labels`, or fails."""
        return _drop_unknown(rows, set(labels), settings, "with a type that the model does not know")[0]


def _drop_unknown(
    rows: Rows, known_types: set[str], settings: DataSettings, description: str
) -> tuple[Rows, list[Finding]]:
    unknown = [labels - known_types for labels in _labels(rows.table["label"])]
    description = f"{description}: {name_list(set().union(*unknown))}"
    mask = np.fromiter(map(bool, unknown), bool, len(rows))
    return drop_marked(rows, mask, "unseen_label", description, on=settings.on_unseen_label, setting="on_unseen_label")


def _labels(column: pa.ChunkedArray) -> Iterable[set[str]]:
    return ({span["label"] for span in spans or ()} for spans in iter_column(column))
