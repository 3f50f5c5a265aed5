"""Loads the splits of labelled texts: reads the files, cleans the rows, and splits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from tfapp._old_names import SCHEMA_OF_TASK, refuse_old_arguments
from tfapp.config import DataSettings
from tfapp.core.progress import OnProgress
from tfapp.data import cleaning
from tfapp.data.cleaning import Rows
from tfapp.data.findings import DataReport, Finding
from tfapp.data.overlap import drop_overlap
from tfapp.data.schemas import Schema
from tfapp.data.sources import AssetCatalogue, Pull, resolve
from tfapp.data.split_by_hash import SPLITS, assign_splits, split_numbers
from tfapp.data.splits import Splits, fingerprint_rows
from tfapp.data.table_reader import read_table
from tfapp.errors import DataError

__all__ = ["load", "load_table"]


@refuse_old_arguments(task=SCHEMA_OF_TASK)
def load(
    settings: DataSettings,
    *,
    schema: Schema,
    multi_label: bool = False,
    on_progress: OnProgress | None = None,
    pull: Pull | None = None,
    catalogue: AssetCatalogue | None = None,
) -> Splits:
    """Reads, cleans and splits labelled texts.

    In this order: texts without a visible character and rows without a label; repeated texts of train, compared as
    `normalize_text` writes them, the first kept; texts of train that a file of dev or test holds; labels that a single
    text has; the split; labels of dev or test that train lacks. A file of dev or test keeps its repeated texts, so that
    scores on it compare with those of others; only what is split off here is free of them. What a row and its label are
    is the task's, see `Schema`.

    Args:
        settings: Where the data are and how problems are handled.
        schema: What the rows are.
        multi_label: Whether a text may have several labels.
        on_progress: Is told the rows read of each file.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.
        catalogue: The data sets; tfapp's own by default.

    Returns:
        The three splits.

    Raises:
        DataError: A file is missing or broken, a problem is found whose setting says "fail", no rows or fewer than
            two labels are left, or a label is missing from a split that was cut off here.
    """
    from_files: dict[str, Rows] = {}
    rows_read: dict[str, int] = {}
    findings: list[Finding] = []
    for split, name in (("train", settings.train), ("dev", settings.dev), ("test", settings.test)):
        if name is not None:
            source = resolve(name, settings, pull=pull, catalogue=catalogue)
            read_rows = partial(read_table, schema=schema, multi_label=multi_label, on_progress=on_progress)
            table = read_rows(source, findings=findings)
            from_files[split] = Rows.of(name, table, schema.texts, schema.extra, source.file_format.row_noun)
            del table
            rows_read[name] = len(from_files[split])
            findings += _clean(from_files, split, settings, schema)
    keys = from_files["train"].keys
    findings += _separate(from_files, settings)
    left_out = np.setdiff1d(keys, from_files["train"].keys) if len(from_files) > 1 else keys[:0]
    findings += schema.target.thin(from_files, settings)
    splits = _split(from_files, settings)
    findings += schema.target.settle(splits, from_files, settings)
    counts = {split: schema.target.counts(splits[split].table["label"]) for split in SPLITS}
    report = DataReport(rows_read, tuple(findings), counts, {split: len(splits[split]) for split in SPLITS})
    tables = {split: splits[split].table for split in SPLITS}
    labels = schema.target.names(tables["train"]["label"], settings)
    fingerprint = fingerprint_rows(tables, schema)
    return Splits(
        **tables,
        labels=labels,
        report=report,
        settings=settings,
        fingerprint=fingerprint,
        schema=schema,
        left_out=left_out,
    )


@refuse_old_arguments(task=SCHEMA_OF_TASK)
def load_table(
    name: str,
    settings: DataSettings,
    *,
    labels: Sequence[str],
    schema: Schema,
    multi_label: bool = False,
) -> pa.Table:
    """Reads one file of labelled texts to evaluate a model on; repeated texts stay, for every row counts.

    Args:
        name: A file, a folder or a data set's name; `settings.train` is not looked at.
        settings: How it is read, and how empty texts, missing labels and unknown labels are handled.
        labels: The labels that the model knows.
        schema: What the rows of the model's task are.
        multi_label: Whether a text may have several labels.

    Returns:
        Columns as in `Splits.train`.

    Raises:
        DataError: The file is missing or broken, has a problem whose setting says "fail", or no rows are left.
    """
    source = resolve(name, settings)
    table = read_table(source, schema=schema, multi_label=multi_label)
    rows = Rows.of(name, table, schema.texts, schema.extra, source.file_format.row_noun)
    rows, _ = cleaning.drop_empty(rows, settings.on_empty_text)
    rows, _ = cleaning.drop_missing(rows, settings.on_missing_label)
    rows = schema.target.keep_known(rows, labels, settings)
    if not len(rows):
        raise DataError(f"{name}: no rows are left to evaluate on; see `tfapp data describe {name}`")
    return rows.table


def _clean(from_files: dict[str, Rows], split: str, settings: DataSettings, schema: Schema) -> list[Finding]:
    """Drops the rows of a file that cannot be used; the rows as they were read are not kept, to free their memory."""
    train = from_files["train"] if split != "train" else None
    from_files[split], findings = schema.target.merge(from_files[split], train, settings)
    from_files[split], problems = cleaning.drop_unusable(from_files[split], settings)
    findings = [*findings, *problems]
    from_files[split], problems = cleaning.drop_duplicates(from_files[split], "drop" if split == "train" else "keep")
    return [*findings, *problems]


def _separate(from_files: dict[str, Rows], settings: DataSettings) -> list[Finding]:
    """Drops from train the rows that dev or test hold too, as the settings say; dev and test stay as they are."""
    findings = []
    for split, other in (("dev", "test"), ("train", "test"), ("train", "dev")):
        if split in from_files and other in from_files:
            policy = settings.on_overlap if split == "train" else "keep"
            from_files[split], problems = drop_overlap(from_files[split], from_files[other], policy)
            findings += problems
    return findings


def _split(from_files: Mapping[str, Rows], settings: DataSettings) -> dict[str, Rows]:
    train = from_files["train"]
    if not len(train):
        raise DataError(f"{settings.train}: no rows are left to learn from; see `tfapp data describe {settings.train}`")
    test_share = 0.0 if "test" in from_files else settings.test_share
    dev_share = 0.0 if "dev" in from_files else settings.dev_share
    numbers = split_numbers(train.groups, settings.split_seed)
    indices = assign_splits(numbers, test_share, dev_share)
    return {
        split: from_files[split] if split != "train" and split in from_files else train.keep(indices == index)
        for index, split in enumerate(SPLITS)
    }
