"""Findings: problems of the data, and what was done about each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tfapp.data.notebook_tables import html_table

__all__ = ["ROWS_SHOWN", "DataReport", "Finding", "name_list", "row_list"]

ROWS_SHOWN = 10


@dataclass(frozen=True)
class Finding:
    """One kind of problem in one file.

    Attributes:
        kind: `empty_text`, `missing_label`, `duplicate`, `conflicting_duplicate`, `overlap`, `single_label`,
            `unseen_label`, `absent_label`, `beyond_per_class`, `bad_tag`, `label_variant`, `few_rows`,
            `unknown_label`, `rare_label`, `empty_split` or `large_file`.
        count: How many rows (for `absent_label`: labels; for `bad_tag`: words).
        rows: Numbers of the first ten rows, as in the table's column `row`; for `bad_tag`, lines.
        file: The file or data set, as the user named it.
        action: What was done with the rows: `dropped`, `kept`, `moved`, `merged`, or `repaired` (`bad_tag`).
        message: The finding as a sentence.
    """

    kind: str
    count: int
    rows: tuple[int, ...]
    file: str
    action: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding as JSON values."""
        return {**asdict(self), "rows": list(self.rows)}


@dataclass(frozen=True)
class DataReport:
    """A report of reading, cleaning and splitting.

    Attributes:
        rows_read: Rows by file, before cleaning.
        findings: The problems met, in the order in which they were handled.
        label_counts: By split (train, dev, test) and label, rows that have the label.
        rows: By split, rows that are left.
    """

    rows_read: Mapping[str, int]
    findings: tuple[Finding, ...]
    label_counts: Mapping[str, Mapping[str, int]]
    rows: Mapping[str, int]

    def label_shares(self) -> dict[str, dict[str, float]]:
        """Returns, by split and label, the share of the split's rows that have the label."""
        return {
            split: {label: count / max(self.rows[split], 1) for label, count in counts.items()}
            for split, counts in self.label_counts.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return {
            "rows_read": dict(self.rows_read),
            "rows": dict(self.rows),
            "label_counts": {split: dict(counts) for split, counts in self.label_counts.items()},
            "label_shares": self.label_shares(),
            "findings": [finding.to_dict() for finding in self.findings],
        }

    def _repr_html_(self) -> str:
        splits = list(self.rows)
        shares = self.label_shares()
        labels = sorted({label for counts in self.label_counts.values() for label in counts})
        body = [
            [label, *(f"{self.label_counts[s].get(label, 0)} ({shares[s].get(label, 0):.1%})" for s in splits)]
            for label in labels
        ]
        table = html_table(["label", *splits], [*body, ["rows", *(str(self.rows[split]) for split in splits)]])
        messages = [[finding.message, finding.action] for finding in self.findings]
        return table + (html_table(["finding", "rows were"], messages) if messages else "")


def name_list(names: Collection[str]) -> str:
    """Names the first of many labels, sorted: `"a", "b", ...`."""
    first = ", ".join(f'"{name}"' for name in sorted(names)[:ROWS_SHOWN])
    return f"{first}{', ...' if len(names) > ROWS_SHOWN else ''}"


def row_list(rows: npt.NDArray[np.int64], unit: str = "row") -> str:
    """Names the first rows of many, by their numbers or lines: `row 7`, `lines 1, 5, 9, ...`."""
    numbers = ", ".join(map(str, rows[:ROWS_SHOWN].tolist()))
    return f"{unit}{'s' if len(rows) != 1 else ''} {numbers}{', ...' if len(rows) > ROWS_SHOWN else ''}"
