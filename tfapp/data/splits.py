"""The record of loaded data: the rows of train, dev and test, their labels, and what was found in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfapp.config import DataSettings
from tfapp.data import cleaning
from tfapp.data.findings import DataReport
from tfapp.data.labels import is_multi_label, iter_column
from tfapp.data.notebook_tables import html_table
from tfapp.data.schemas import Schema

__all__ = ["Splits", "fingerprint_rows"]

_LABELS_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class Splits:
    """Cleaned texts in three splits.

    Attributes:
        train: Columns as `read_table` gives them.
        dev: The same; without rows where `dev_share` is 0.
        test: The same; without rows where `test_share` is 0.
        labels: The labels of train, sorted; of ranking, the lowest and the highest grade; of regression, the mean and
            the standard deviation; of tagging, the types; of answering, what questions there are: with an answer, and
            without.
        report: What was found and done.
        settings: Where the rows came from.
        fingerprint: SHA-256 over the rows and their splits, in hexadecimal; the files' names and paths do not count.
        schema: What the rows are.
        left_out: Digests of the texts that train lacks because a file of dev or test holds them, see
            `cleaning.text_keys`; bytes [texts].
    """

    train: pa.Table
    dev: pa.Table
    test: pa.Table
    labels: tuple[str, ...]
    report: DataReport
    settings: DataSettings
    fingerprint: str
    schema: Schema
    left_out: npt.NDArray[np.bytes_] = field(default_factory=lambda: np.zeros(0, f"S{cleaning.KEY_BYTES}"))

    @property
    def task(self) -> str:
        """Returns the name of the task that the rows are for."""
        return self.schema.task

    @property
    def multi_label(self) -> bool:
        """Returns whether a text may have several labels."""
        return is_multi_label(self.train["label"])

    def __repr__(self) -> str:
        """Returns rows and labels of each split, in a few lines."""
        rows = self.report.rows
        width = max(map(len, map(str, rows.values())))
        lines = [f"{self.task} data of {self.settings.train}:"]
        for split, count in rows.items():
            counts = [f"{label} {number}" for label, number in self.report.label_counts[split].items()]
            rest = [f"{len(counts) - _LABELS_SHOWN} more"] if len(counts) > _LABELS_SHOWN else []
            labels = ", ".join([*counts[:_LABELS_SHOWN], *rest])
            lines.append(f"  {split:5} {count:{width}} rows{f': {labels}' if labels else ''}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        schema = self.schema
        label = ["label"] if schema.target.column(self.settings) else []
        columns = (self.train[name].slice(0, 5).to_pylist() for name in (*schema.texts, *label))
        rows = [[_cell_text(value) for value in row] for row in zip(*columns, strict=True)]
        is_single = len(schema.texts) == 1
        head = ["first texts of train"] if is_single else [f"first {name} texts of train" for name in schema.texts]
        return self.report._repr_html_() + html_table([*head, *label], rows)


def _cell_text(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    text = ", ".join(" ".join(map(str, part.values())) if isinstance(part, dict) else str(part) for part in parts)
    return text if len(text) <= 100 else f"{text[:100]}…"


def fingerprint_rows(tables: Mapping[str, pa.Table], schema: Schema) -> str:
    """Returns the SHA-256 over the rows of tables and the tables' names, in hexadecimal."""
    digest = sha256()
    for split, table in tables.items():
        extra_columns = (name for name in (*schema.extra, "group") if name in table.column_names)
        names = [*schema.texts, "label", *extra_columns]
        rows = zip(*(iter_column(table[name]) for name in names), strict=True)
        while some := list(islice(rows, 8192)):
            lines = (json.dumps([split, *values], ensure_ascii=False) for values in some)
            digest.update("".join(f"{line}\n" for line in lines).encode())
    return digest.hexdigest()
