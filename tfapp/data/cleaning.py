"""Finds rows that cannot or should not be learnt from, and drops them or fails, as the settings say."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfapp.config import DataSettings, OnOverlap, OnProblem
from tfapp.data.findings import ROWS_SHOWN, Finding, name_list, row_list
from tfapp.data.labels import has_label, iter_column, label_codes
from tfapp.errors import DataError

__all__ = [
    "ACTIONS",
    "KEY_BYTES",
    "CleanRows",
    "Rows",
    "drop_duplicates",
    "drop_empty",
    "drop_marked",
    "drop_missing",
    "drop_unusable",
    "drop_with_labels",
    "found_rows",
    "is_visible",
    "mark_repeats",
    "normalize_text",
    "text_keys",
]

KEY_BYTES = 16
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
ACTIONS: Final[dict[OnOverlap, str]] = {"drop": "dropped", "keep": "kept"}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one source on their way through cleaning.

    Attributes:
        name: The source, as the user named it.
        table: As `tfapp.data.table_reader.read_table` gives it.
        texts: The names of its columns of texts.
        keys: Digest of each row's normalised texts; bytes [rows], see `text_keys`.
        repeats: The same of all that a row must have like another to repeat it: of the extra texts, too.
        groups: The same of what keeps rows in one split: of the column `group`, or the keys.
        unit: What the column `row` counts: "line" or "row".
    """

    name: str
    table: pa.Table
    texts: tuple[str, ...]
    keys: npt.NDArray[np.bytes_]
    repeats: npt.NDArray[np.bytes_]
    groups: npt.NDArray[np.bytes_]
    unit: str = "row"

    @classmethod
    def of(
        cls,
        name: str,
        table: pa.Table,
        texts: tuple[str, ...] = ("text",),
        extra: tuple[str, ...] = (),
        unit: str = "row",
    ) -> Rows:
        """Computes the keys of a table, which may lack columns of `extra`."""
        keys = _join_keys([text_keys(table[column]) for column in texts])
        extra_keys = [text_keys(table[column]) for column in extra if column in table.column_names]
        groups = text_keys(table["group"]) if "group" in table.column_names else keys
        return cls(name, table, texts, keys, _join_keys([keys, *extra_keys]), groups, unit)

    @property
    def noun(self) -> str:
        """Returns the word for a row in messages: "text" or "pair"."""
        return "text" if len(self.texts) == 1 else "pair"

    def __len__(self) -> int:
        return len(self.keys)

    def keep(self, mask: Mask) -> Rows:
        """Returns the rows where the mask is true."""
        if mask.all():
            return self
        table, keys, repeats = self.table.filter(pa.array(mask)), self.keys[mask], self.repeats[mask]
        return replace(self, table=table, keys=keys, repeats=repeats, groups=self.groups[mask])

    def join(self, other: Rows) -> Rows:
        """Returns these rows and more of the same source, in its order."""
        table = pa.concat_tables([self.table, other.table])
        order = np.argsort(table["row"].to_numpy(), kind="stable")
        pairs = ((self.keys, other.keys), (self.repeats, other.repeats), (self.groups, other.groups))
        keys, repeats, groups = (np.concatenate(pair)[order] for pair in pairs)
        return replace(self, table=table.take(pa.array(order)), keys=keys, repeats=repeats, groups=groups)

    def numbers(self, mask: Mask) -> npt.NDArray[np.int64]:
        """Returns row numbers in the source of the rows where the mask is true."""
        return self.table["row"].to_numpy()[mask]


CleanRows = tuple[Rows, list[Finding]]


def normalize_text(text: str) -> str:
    """Returns the form in which texts are compared: Unicode NFKC, white space collapsed and stripped."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def is_visible(text: str) -> bool:
    """Returns whether a text has a character that is neither white space nor a control or format character."""
    return any(unicodedata.category(character) not in _INVISIBLE for character in text)


def text_keys(texts: pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    """Digests the normalised texts by BLAKE2b, so that a million of them compare in 16 bytes each; bytes [rows]."""
    digests = (blake2b(normalize_text(text).encode(), digest_size=KEY_BYTES).digest() for text in iter_column(texts))
    return np.fromiter(digests, dtype=f"S{KEY_BYTES}", count=len(texts))


def drop_empty(rows: Rows, on_problem: OnProblem) -> CleanRows:
    """Drops texts without a visible character, or fails."""
    columns = [iter_column(rows.table[name]) for name in rows.texts]
    visible = (all(map(is_visible, texts)) for texts in zip(*columns, strict=True))
    is_empty = ~np.fromiter(visible, bool, count=len(rows))
    description = f"without a visible character in the {' or '.join(rows.texts)}"
    return drop_marked(rows, is_empty, "empty_text", description, on=on_problem, setting="on_empty_text")


def drop_missing(rows: Rows, on_problem: OnProblem) -> CleanRows:
    """Drops rows without a label, or fails."""
    mask = np.asarray(pc.is_null(rows.table["label"]).to_numpy(), bool)
    return drop_marked(rows, mask, "missing_label", "without a label", on=on_problem, setting="on_missing_label")


def mark_repeats(rows: Rows) -> tuple[Mask, npt.NDArray[np.intp]]:
    """Marks rows whose text was met before in the same source, and gives each row's first like it: bool, int [rows]."""
    _, first, group = np.unique(rows.repeats, return_index=True, return_inverse=True)
    leader = first[group]
    return leader != np.arange(len(rows)), leader


def drop_duplicates(rows: Rows, on: OnOverlap = "drop") -> CleanRows:
    """Drops rows whose text was met before in the same source, or only finds them.

    Those whose labels differ are a finding of their own.
    """
    repeats, leader = mark_repeats(rows)
    codes = label_codes(rows.table["label"])
    differs = codes != codes[leader]
    duplicates, conflicts = repeats & ~differs, repeats & differs
    description = f"repeating an earlier {rows.noun}"
    findings = [
        *found_rows(rows, duplicates, "duplicate", description, ACTIONS[on]),
        *found_rows(rows, conflicts, "conflicting_duplicate", f"{description} with another label", ACTIONS[on]),
    ]
    return rows if on == "keep" else rows.keep(~repeats), findings


def drop_with_labels(
    rows: Rows, labels: Collection[str], kind: str, description: str, *, on: OnProblem, setting: str
) -> CleanRows:
    """Drops rows that have one of the labels, or fails, as `drop_marked`; the labels are named after `description`.

    Raises:
        DataError: There are such rows and `on` is "fail".
    """
    mask = has_label(rows.table["label"], labels)
    return drop_marked(rows, mask, kind, f"{description}: {name_list(labels)}", on=on, setting=setting)


def drop_marked(rows: Rows, bad: Mask, kind: str, description: str, *, on: OnProblem, setting: str) -> CleanRows:
    """Drops the rows where a mask is true, or fails as `data.SETTING` says.

    Args:
        rows: The rows.
        bad: bool [rows].
        kind: The finding's kind.
        description: Completes "N rows ...".
        on: What to do.
        setting: The name of the setting that says so.

    Raises:
        DataError: There are such rows and `on` is "fail".
    """
    if on == "fail" and bad.any():
        numbers = rows.numbers(bad)
        raise DataError(
            f"{rows.name}: {_count(len(numbers))} {description} ({row_list(numbers, rows.unit)}); "
            f'mend them, or set data.{setting} = "drop"'
        )
    return rows.keep(~bad), found_rows(rows, bad, kind, description, "dropped")


def drop_unusable(rows: Rows, settings: DataSettings) -> CleanRows:
    """Drops empty texts and missing labels, or fails, as the settings say."""
    rows, findings = drop_empty(rows, settings.on_empty_text)
    rows, label_findings = drop_missing(rows, settings.on_missing_label)
    return rows, [*findings, *label_findings]


def _join_keys(keys: list[npt.NDArray[np.bytes_]]) -> npt.NDArray[np.bytes_]:
    """Returns one digest a row from those of its texts; that of a single text stays as it is."""
    if len(keys) == 1:
        return keys[0]
    # NumPy's bytes drop zeros at the end, which would let two rows run into each other.
    rows = zip(*([key.ljust(KEY_BYTES, b"\0") for key in column.tolist()] for column in keys), strict=True)
    digests = (blake2b(b"".join(row), digest_size=KEY_BYTES).digest() for row in rows)
    return np.fromiter(digests, dtype=f"S{KEY_BYTES}", count=len(keys[0]))


def found_rows(rows: Rows, mask: Mask, kind: str, description: str, action: str) -> list[Finding]:
    """Returns the finding on the rows where a mask is true, "N rows DESCRIPTION"; none where there is no such row."""
    numbers = rows.numbers(mask)
    if not len(numbers):
        return []
    message = f"{rows.name}: {_count(len(numbers))} {description} ({row_list(numbers, rows.unit)})"
    first = tuple(numbers[:ROWS_SHOWN].tolist())
    return [Finding(kind, len(numbers), first, rows.name, action, message)]


def _count(rows: int) -> str:
    return f"{rows} row{'s' if rows != 1 else ''}"
