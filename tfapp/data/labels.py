"""Labels: from the values of a file to strings, and counts over columns of them.

A label column is `string` where a text has one label, `list<string>` where it may have several, and a list of structs
with a `label`, or of others, where labels are positions in the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfapp.config import RatingSettings

__all__ = [
    "as_float",
    "as_label",
    "as_labels",
    "as_number",
    "has_label",
    "is_multi_label",
    "iter_column",
    "known_numbers",
    "label_codes",
    "label_counts",
    "rating_label",
]

_NO_NUMBER: Final = "is no finite number"
# What float32, in which models answer, holds.
_LARGEST: Final = float(np.finfo(np.float32).max)
_COMMA: Final = re.compile(r"\s*[-+]?[\d.]*,\d[\d.,]*\s*")


def iter_column(column: pa.ChunkedArray, block_rows: int = 8192) -> Iterator[Any]:
    """Yields the values of a column, few at a time in Python's memory."""
    for chunk in column.chunks:
        for start in range(0, len(chunk), block_rows):
            yield from chunk.slice(start, block_rows).to_pylist()


def as_label(value: Any) -> str | None:
    """Turns a value of a label column into a label; None, NaN and an empty string are none.

    A label is a string (white space around it is dropped), a number (`1` for 1 and for 1.0) or a truth value (`true`,
    `false`).

    Raises:
        ValueError: The value is a list or another structure.
    """
    if isinstance(value, str):
        return value.strip() or None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, bytes):
        return as_label(value.decode())
    way_out = "; set model.multi_label = true" if isinstance(value, list) else ""
    raise ValueError(f"is no label but a {type(value).__name__}{way_out}")


def as_labels(value: Any, separator: str | None) -> list[str] | None:
    """Turns a value of a multi-label column into sorted labels without repeats; None where they are missing.

    It is a list, or one value as in `as_label`, which the separator splits. An empty string or list says that no label
    applies.

    Raises:
        ValueError: The list holds lists or other structures.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    elif not isinstance(value, list):
        value = [value]
    return sorted({label for label in map(as_label, value) if label is not None})


def rating_label(value: Any, rating: RatingSettings) -> str | None:
    """Turns a rating into `negative`, `neutral` or `positive`; None where it is missing.

    Raises:
        ValueError: The value is no number.
    """
    number = as_float(value, "is no number")
    if number is None:
        return None
    distance = number - rating.center
    if abs(distance) <= rating.neutral_within:
        return "neutral"
    return "negative" if distance < 0 else "positive"


def as_float(value: Any, problem: str) -> float | None:
    """Turns a value of a column of numbers into a number; None, NaN and white space are none.

    Raises:
        ValueError: The value is no number; says `problem`.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(problem) from None
    return None if math.isnan(number) else number


def as_number(value: Any) -> float | None:
    """Turns a value of a column of numbers into a number; None, NaN and white space are no number.

    Raises:
        ValueError: It is another text, a truth value or a structure, or is not finite in float32.
    """
    if isinstance(value, str) and _COMMA.fullmatch(value):
        raise ValueError("has a comma in a number; write 1234.5, with a point for the decimals and nothing between")
    number = as_float(value, _NO_NUMBER)
    if isinstance(value, bool) or (number is not None and not abs(number) <= _LARGEST):
        raise ValueError(_NO_NUMBER)
    return number


def known_numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Returns the numbers of a column without those that are missing, float64."""
    return np.asarray(pc.drop_null(column).to_numpy(), np.float64)


def is_multi_label(column: pa.ChunkedArray) -> bool:
    """Returns whether a label column holds lists of labels."""
    return bool(pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type))


def label_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Counts the rows of each label, sorted by label; missing ones are not counted."""
    flat = pc.list_flatten(column) if is_multi_label(column) else column
    pairs = ((entry["values"].as_py(), entry["counts"].as_py()) for entry in pc.value_counts(flat))
    return dict(sorted((label, count) for label, count in pairs if label is not None))


def has_label(column: pa.ChunkedArray, labels: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Marks the rows that have at least one of the labels; bool [rows]."""
    values = pa.array(list(labels), pa.string())
    if not is_multi_label(column):
        return _bools(pc.is_in(column, value_set=values))
    mask = np.zeros(len(column), dtype=bool)
    start = 0
    for chunk in column.chunks:
        hits = _bools(pc.is_in(pc.list_flatten(chunk), value_set=values))
        mask[start + pc.list_parent_indices(chunk).to_numpy()[hits]] = True
        start += len(chunk)
    return mask


def label_codes(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Numbers the label sets: two rows get the same number when their labels are the same; int64 [rows], missing -1."""
    codes: dict[Any, int] = {None: -1}
    values = map(_to_hashable, iter_column(column))
    return np.fromiter((codes.setdefault(value, len(codes) - 1) for value in values), np.int64, count=len(column))


def _to_hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_to_hashable, value))
    return tuple(value.values()) if isinstance(value, dict) else value


def _bools(array: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(array.to_numpy(zero_copy_only=False) if isinstance(array, pa.Array) else array.to_numpy(), bool)
