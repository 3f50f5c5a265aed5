"""The target of classifiers: a label, or several, from a column or a rating."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data import cleaning
from tfapp.data.cleaning import Rows, found_rows
from tfapp.data.findings import Finding, name_list
from tfapp.data.label_names import common_spellings, rename_labels, spelling_list, unknown_name
from tfapp.data.labels import as_label, as_labels, has_label, is_multi_label, label_codes, label_counts, rating_label
from tfapp.data.sources import Source
from tfapp.data.split_by_hash import split_numbers
from tfapp.data.split_filling import fill_splits
from tfapp.data.targets import Target
from tfapp.errors import DataError

__all__ = ["ClassTarget"]

# A label of fewer rows may be absent from dev or test.
_FEW: Final = 5


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
        if multi_label and source.file_format.table == "flat" and not separator:
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

    def merge(self, rows: Rows, train: Rows | None, settings: DataSettings) -> tuple[Rows, list[Finding]]:
        """Gives labels that differ in case or white space alone one spelling, if `data.merge_labels` says so."""
        return _merge(rows, label_counts(train.table["label"]) if train else (), settings)

    def remarks(self, rows: Rows, settings: DataSettings) -> list[Finding]:
        """Returns labels of few rows, and one that says "none of these"."""
        counts = _class_counts(rows.table["label"], settings)
        rare_counts = {label: count for label, count in counts.items() if 1 < count < _FEW}
        description = f"with a label of fewer than {_FEW} rows: {name_list(rare_counts)}; dev or test may lack it"
        findings = found_rows(rows, has_label(rows.table["label"], rare_counts), "few_rows", description, "kept")
        unknown = None if settings.rating or is_multi_label(rows.table["label"]) else unknown_name(counts)
        if unknown is not None and settings.unknown_label is None and len(counts) > 2:
            description = (
                f'with the label "{unknown}"; if it says "none of these", set data.unknown_label = "{unknown}"'
            )
            other = has_label(rows.table["label"], [unknown])
            findings += found_rows(rows, other, "unknown_label", description, "kept")
        return findings

    def thin(self, from_files: dict[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops rows with a label that no other row has."""
        labels = (label_counts(from_files[split].table["label"]) for split in from_files if split != "train")
        other_counts = sum(map(Counter, labels), Counter[str]())
        findings: list[Finding] = []
        while True:  # with several labels a text, dropping a row may leave another label with a single text
            train = from_files["train"]
            counts = _class_counts(train.table["label"], settings)
            rare_labels = [label for label, count in counts.items() if count == 1 and not other_counts[label]]
            if not rare_labels:
                return findings
            description = f"with a label that no other {train.noun} has"
            from_files["train"], problems = cleaning.drop_with_labels(
                train, rare_labels, "single_label", description, on=settings.on_single_label, setting="on_single_label"
            )
            findings += problems

    def settle(self, splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
        """Drops rows of files with labels that train lacks, and notes labels that dev or test lack.

        What was split off here gives train a label's rows where it would have none, and gets a row where it has none.
        Last, and so with the same labels, train is cut down to `data.per_class`.
        """
        findings = [*_drop_unseen(splits, from_files, settings), *_bring_to_train(splits, from_files, settings)]
        column = splits["train"].table["label"]
        labels = self.names(column, settings)
        if len(labels) < (1 if is_multi_label(column) else 2):
            names = f'only the label "{labels[0]}"' if labels else "no label"
            raise DataError(
                f"{settings.train}: train has {names}, but a classifier needs at least two; check data.label"
            )
        findings += _fill_splits(splits, from_files, settings)
        findings += _absent_labels(splits, from_files, settings)
        if settings.per_class is not None:
            splits["train"], problems = _keep_per_label(splits["train"], settings.per_class, settings.split_seed)
            findings += problems
        return findings

    def keep_known(self, rows: Rows, labels: Sequence[str], settings: DataSettings) -> Rows:
        """Drops rows with a label that is none of `labels`, or fails."""
        rows, _ = _merge(rows, labels, settings)
        unknown_labels = _class_counts(rows.table["label"], settings).keys() - set(labels)
        description = "with a label that the model does not know"
        return cleaning.drop_with_labels(
            rows, unknown_labels, "unseen_label", description, on=settings.on_unseen_label, setting="on_unseen_label"
        )[0]


def _merge(rows: Rows, known_labels: Iterable[str], settings: DataSettings) -> tuple[Rows, list[Finding]]:
    column = rows.table["label"]
    unknown = () if settings.unknown_label is None else (settings.unknown_label,)
    names = {} if settings.rating else common_spellings(label_counts(column), (*known_labels, *unknown))
    other = has_label(column, names)
    if not settings.merge_labels:
        description = f"with labels that differ in case or white space alone: {spelling_list(names)}"
        way_out = "; data.merge_labels = true makes them one"
        return rows, found_rows(rows, other, "label_variant", f"{description}{way_out}", "kept")
    table = rows.table.set_column(rows.table.schema.get_field_index("label"), "label", rename_labels(column, names))
    description = f"with a label in another spelling than most (data.merge_labels): {spelling_list(names)}"
    return replace(rows, table=table), found_rows(rows, other, "label_variant", description, "merged")


def _class_counts(column: pa.ChunkedArray, settings: DataSettings) -> dict[str, int]:
    counts = label_counts(column)
    if settings.unknown_label is not None:
        counts.pop(settings.unknown_label, None)
    return counts


def _drop_unseen(splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    findings = []
    train_labels = _class_counts(splits["train"].table["label"], settings)
    for split in ("dev", "test"):
        if split in from_files:
            unknown_labels = _class_counts(splits[split].table["label"], settings).keys() - train_labels
            description = f"in {split} with a label that train lacks"
            splits[split], problems = cleaning.drop_with_labels(
                splits[split],
                unknown_labels,
                "unseen_label",
                description,
                on=settings.on_unseen_label,
                setting="on_unseen_label",
            )
            findings += problems
    return findings


def _bring_to_train(splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    """Moves rows to train, with the rest of their groups, whose label fell on dev or test alone."""
    findings = []
    for split in ("dev", "test"):
        rows, train = splits[split], splits["train"]
        train_labels = _class_counts(train.table["label"], settings).keys()
        labels = _class_counts(rows.table["label"], settings).keys() - train_labels if split not in from_files else ()
        if labels:
            mask = np.isin(rows.groups, rows.groups[has_label(rows.table["label"], labels)])
            description = f"moved from {split} to train, which had no other with the label: {name_list(labels)}"
            findings += found_rows(rows, mask, "rare_label", description, "moved")
            splits["train"], splits[split] = train.join(rows.keep(mask)), rows.keep(~mask)
    return findings


def _fill_splits(splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    """Gives a split without rows a row of train, which keeps all of its labels, or else of the other split."""
    labels = _class_counts(splits["train"].table["label"], settings).keys()

    def suffices(split: str, rows: Rows) -> bool:
        return len(rows) > 0 and (split != "train" or _class_counts(rows.table["label"], settings).keys() >= labels)

    findings = fill_splits(splits, from_files, settings, suffices)
    for split, share in (("test", settings.test_share), ("dev", settings.dev_share)):
        if split not in from_files and share and not len(splits[split]):
            raise DataError(f"{settings.train}: no row fell on {split}; add rows, or give a file with data.{split}")
    return findings


def _absent_labels(splits: Mapping[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings) -> list[Finding]:
    """Returns findings on labels of train that dev or test lacks."""
    train, *held_out = [_class_counts(splits[split].table["label"], settings) for split in ("train", "dev", "test")]
    findings = []
    for split, labels in zip(("dev", "test"), held_out, strict=True):
        missing_labels = train.keys() - labels.keys()
        if missing_labels and len(splits[split]):
            name = from_files[split].name if split in from_files else settings.train
            message = f"{name}: {split} lacks {len(missing_labels)} of train's labels: {name_list(missing_labels)}"
            findings.append(Finding("absent_label", len(missing_labels), (), name, "kept", message))
    return findings


def _keep_per_label(rows: Rows, count: int, seed: int) -> tuple[Rows, list[Finding]]:
    """Keeps at most so many rows of each label; which they are depends on their texts and the seed alone."""
    codes = label_codes(rows.table["label"])
    order = np.lexsort((split_numbers(rows.keys, seed), codes))
    ranks = np.arange(len(order)) - np.searchsorted(codes[order], codes[order])
    mask = np.zeros(len(order), bool)
    mask[order[ranks < count]] = True
    return rows.keep(mask), found_rows(
        rows, ~mask, "beyond_per_class", f"of train beyond data.per_class = {count}", "dropped"
    )
