"""Classes as what is learnt: a label, or several, from a column or a rating."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data import cleaning
from tfapp.data.cleaning import Rows
from tfapp.data.findings import ROWS_SHOWN, Finding, name_list
from tfapp.data.labels import as_label, as_labels, is_multi_label, label_codes, label_counts, rating_label
from tfapp.data.sources import Source
from tfapp.data.splitting import split_numbers
from tfapp.data.targets import Target
from tfapp.errors import DataError

__all__ = ["ClassTarget"]


class ClassTarget(Target):
    """The target of a classifier: names of classes; see `Target`."""

    def column(self, settings: DataSettings) -> tuple[str, str]:
        """Returns the rating's column where there is one."""
        return (settings.rating.column, "data.rating.column") if settings.rating else (settings.label, "data.label")

    def check_source(self, source: Source, multi_label: bool) -> None:
        """Checks the separator of several labels, which formats without lists need; a folder has one label a text."""
        separator = source.settings.label_separator
        if separator and not multi_label:
            raise DataError(
                f'data.label_separator = "{separator}" is for multi-label data; set model.multi_label = true or '
                "remove it"
            )
        if multi_label and source.format == "folder":
            raise DataError(f"{source.name}: a folder gives each text one label; set model.multi_label = false")
        if multi_label and source.format in ("csv", "tsv") and not separator:
            raise DataError(
                f"{source.name}: model.multi_label = true needs data.label_separator for {source.format}, for example "
                '"|"'
            )

    def reader(self, settings: DataSettings, multi_label: bool) -> tuple[pa.DataType, Callable[..., Any]]:
        """Returns `string`, or `list<string>` where a row may have several labels."""
        rating = settings.rating
        if rating:
            return pa.string(), lambda value, *_: rating_label(value, rating)
        if multi_label:
            return pa.list_(pa.string()), lambda value, *_: as_labels(value, settings.label_separator)
        return pa.string(), lambda value, *_: as_label(value)

    def counts(self, column: pa.ChunkedArray) -> dict[str, int]:
        """Counts rows by label, sorted."""
        return label_counts(column)

    def names(self, column: pa.ChunkedArray, settings: DataSettings) -> tuple[str, ...]:
        """Returns the labels, sorted, without `data.unknown_label`, which names none of the classes."""
        return tuple(_class_counts(column, settings))

    def thin(self, given: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops rows with a label that no other row has."""
        labels = (label_counts(given[side].table["label"]) for side in given if side != "train")
        elsewhere = sum(map(Counter, labels), Counter[str]())
        findings: list[Finding] = []
        while True:  # with several labels a text, dropping a row may leave another label with a single text
            train = given["train"]
            counts = _class_counts(train.table["label"], settings)
            single = [label for label, count in counts.items() if count == 1 and not elsewhere[label]]
            if not single:
                return findings
            what = f"with a label that no other {train.noun} has"
            given["train"], found = cleaning.drop_with_labels(
                train, single, "single_label", what, on=settings.on_single_label, setting="on_single_label"
            )
            findings += found

    def settle(self, sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops rows with labels that train lacks, and notes labels that dev or test lack.

        Last, and so with the same labels, train is cut down to `data.per_class`.
        """
        findings = _drop_unseen(sides, given, settings)
        column = sides["train"].table["label"]
        labels = self.names(column, settings)
        if len(labels) < (1 if is_multi_label(column) else 2):
            names = f'only the label "{labels[0]}"' if labels else "no label"
            raise DataError(
                f"{settings.train}: train has {names}, but a classifier needs at least two; check data.label"
            )
        findings += _check_sides(sides, given, settings)
        if settings.per_class is not None:
            sides["train"], found = _keep_per_label(sides["train"], settings.per_class, settings.split_seed)
            findings += found
        return findings

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Drops rows with a label that is none of `labels`, or fails."""
        unseen = _class_counts(rows.table["label"], settings).keys() - set(labels)
        what = "with a label that the model does not know"
        return cleaning.drop_with_labels(
            rows, unseen, "unseen_label", what, on=settings.on_unseen_label, setting="on_unseen_label"
        )[0]


def _class_counts(column: pa.ChunkedArray, settings: DataSettings) -> dict[str, int]:
    counts = label_counts(column)
    if settings.unknown_label is not None:
        counts.pop(settings.unknown_label, None)
    return counts


def _drop_unseen(sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    findings = []
    known = _class_counts(sides["train"].table["label"], settings)
    for side in ("dev", "test"):
        if side in given:
            unseen = _class_counts(sides[side].table["label"], settings).keys() - known
            what = f"in {side} with a label that train lacks"
            sides[side], found = cleaning.drop_with_labels(
                sides[side], unseen, "unseen_label", what, on=settings.on_unseen_label, setting="on_unseen_label"
            )
            findings += found
    return findings


def _check_sides(sides: Mapping[str, Rows], given: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    """Refuses a label that we split away from train and a side without rows; notes a label that dev or test lacks."""
    train, *others = [_class_counts(sides[side].table["label"], settings) for side in ("train", "dev", "test")]
    shares = {"dev": settings.dev_share, "test": settings.test_share}
    way_out = (
        f"set another data.split_seed than {settings.split_seed}, add rows, or give files with data.dev and data.test"
    )
    findings = []
    for (side, share), labels in zip(shares.items(), others, strict=True):
        if side not in given and share and not len(sides[side]):
            raise DataError(f"{settings.train}: no row fell on {side}; {way_out}")
        for label in sorted(labels.keys() - train.keys()):
            what = f'label "{label}" has no row in train, but {labels[label]} in {side}'
            raise DataError(f"{settings.train}: {what}; {way_out}")
        absent = train.keys() - labels.keys()
        if absent and len(sides[side]):
            name = given[side].name if side in given else settings.train
            message = f"{name}: {side} lacks {len(absent)} of train's labels: {name_list(absent)}"
            findings.append(Finding("absent_label", len(absent), (), name, "kept", message))
    return findings


def _keep_per_label(rows: Rows, count: int, seed: int) -> tuple[Rows, list[Finding]]:
    """Keeps at most so many rows of each label; which they are depends on their texts and the seed alone."""
    codes = label_codes(rows.table["label"])
    order = np.lexsort((split_numbers(rows.keys, seed), codes))
    places = np.arange(len(order)) - np.searchsorted(codes[order], codes[order])
    mask = np.zeros(len(order), bool)
    mask[order[places < count]] = True
    numbers = rows.numbers(~mask)
    if not len(numbers):
        return rows, []
    noun = "row" if len(numbers) == 1 else "rows"
    message = f"{rows.name}: {len(numbers)} {noun} of train beyond data.per_class = {count}"
    first = tuple(numbers[:ROWS_SHOWN].tolist())
    return rows.keep(mask), [Finding("beyond_per_class", len(numbers), first, rows.name, "dropped", message)]
