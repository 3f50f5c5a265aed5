"""Reads the names of labels: finds spellings of one label, and labels that say "none of these"."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from tfapp.data.cleaning import normalize_text
from tfapp.data.findings import ROWS_SHOWN
from tfapp.data.labels import is_multi_label, iter_column

__all__ = ["common_spellings", "rename_labels", "spelling_list", "unknown_name"]

_UNKNOWN_NAMES: Final = frozenset(
    {
        *("none", "none of these", "none of the above", "no label", "no intent", "other", "others", "unknown"),
        *("oos", "ood", "out of scope", "out of domain", "out of distribution"),
    }
)


def common_spellings(counts: Mapping[str, int], known_labels: Iterable[str] = ()) -> dict[str, str]:
    """Finds labels that differ in case, white space or the form of their Unicode alone.

    Args:
        counts: Rows by label.
        known_labels: Labels that are written as they must be.

    Returns:
        By each spelling that is not to be kept, the one that is: the known one, else the most frequent, and among
        equals the first by sorting.
    """
    spellings: dict[str, dict[str, int]] = defaultdict(dict)
    for label, count in counts.items():
        spellings[_key(label)][label] = count
    known_names = {_key(label): label for label in known_labels}
    spelling_of = {
        key: known_names.get(key) or min(some, key=lambda spelling: (-some[spelling], spelling))
        for key, some in spellings.items()
    }
    return {label: spelling_of[key] for key, some in spellings.items() for label in some if label != spelling_of[key]}


def rename_labels(column: pa.ChunkedArray, names: Mapping[str, str]) -> pa.ChunkedArray:
    """Returns a column of labels, or of lists of labels, with other names for some."""
    if is_multi_label(column):
        lists = (value and sorted({names.get(label, label) for label in value}) for value in iter_column(column))
        return pa.chunked_array([pa.array(list(lists), column.type)])
    return pa.chunked_array([pa.array([names.get(label, label) for label in iter_column(column)], column.type)])


def spelling_list(names: Mapping[str, str]) -> str:
    """Names the first of many spellings: `"Billing" for "billing", ...`."""
    first = ", ".join(f'"{name}" for "{new_name}"' for name, new_name in sorted(names.items())[:ROWS_SHOWN])
    return f"{first}{', ...' if len(names) > ROWS_SHOWN else ''}"


def unknown_name(counts: Mapping[str, int]) -> str | None:
    """Returns the label that says "none of these" by its name, the most frequent of several; None without one."""
    names = (label for label in counts if re.sub(r"[\W_]+", " ", label).strip().casefold() in _UNKNOWN_NAMES)
    return max(names, key=lambda label: (counts[label], label), default=None)


def _key(label: str) -> str:
    return normalize_text(label).casefold()
