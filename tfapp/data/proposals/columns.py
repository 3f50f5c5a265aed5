"""Guesses which columns of a data file hold the texts, the labels or a rating."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfapp.config import RatingSettings

__all__ = ["LABEL_NAMES", "LabelGuess", "guess_ids", "guess_label", "guess_text", "looks_headless"]

_TEXT_NAMES = ("text", "sentence", "content", "review", "message", "body", "comment", "tweet", "document")
LABEL_NAMES = ("label", "labels", "category", "categories", "class", "target", "sentiment", "topic", "tags", "intent")
_RATING_NAMES = ("rating", "stars", "score", "mean_rating", "polarity")
_ID_WORDS = frozenset(
    {
        *("id", "ids", "uuid", "guid", "uid", "hash", "index", "idx", "url", "uri", "link", "href", "email"),
        *("date", "time", "datetime", "timestamp"),
    }
)
_BLANK, _CODED = re.compile(r"\s"), re.compile(r"\d|://|@")
# A measurement or a grade, unless its column is named like ids.
_FRACTION = re.compile(r"[+-]?\d*[.,]\d+")
_FEWEST_IDS = 10
_LONGEST_ID = 2048
_FEWEST_WORDS = 1.5
_SEPARATORS = ("|", ";", ",")
_MOST_LABELS = 200
_LONGEST_LABEL = 64


@dataclass(frozen=True)
class LabelGuess:
    """A guess of where the labels are.

    Attributes:
        column: The column.
        rating: How a rating becomes a label; None for a label column.
        separator: What separates the labels of one text in a string column; None elsewhere.
        multi_label: Whether a text has several labels.
    """

    column: str
    rating: RatingSettings | None = None
    separator: str | None = None
    multi_label: bool = False


def guess_text(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """Returns the column with the longest strings in the mean; among equals, one that is called like a text.

    Columns that look like ids are none, where another has words. None: no column holds strings with letters.
    """
    ids = guess_ids(columns)
    texts = [name for name, values in columns.items() if name not in ids and _mean_words(values) >= _FEWEST_WORDS]
    lengths = {name: _mean_length(values) for name, values in columns.items() if not (texts and name in ids)}
    text_lengths = {name: length for name, length in lengths.items() if length}
    return max(text_lengths, key=lambda name: (text_lengths[name], name.lower() in _TEXT_NAMES), default=None)


def guess_ids(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Returns the columns that look like ids of rows, of persons or of things, or like addresses and times."""
    return [name for name, values in columns.items() if _are_ids(values, has_id_name=_is_id_name(name))]


def guess_label(columns: Mapping[str, Sequence[Any]], text: str, *, strings: bool) -> list[LabelGuess]:
    """Ranks the columns that may hold the labels, without the column of the texts and those that look like ids.

    With `strings` all values are strings, as csv gives them: lists then hide behind a separator. The best comes first:
    a column named like a label, one named like a rating, the fewest distinct values.
    """
    ids = guess_ids(columns)
    ranking: list[tuple[tuple[int, int, int], LabelGuess]] = []
    for name, values in columns.items():
        present = [value for value in values if value not in (None, "")]
        guess = _guess(name, present, strings) if name != text and name not in ids and present else None
        if guess:
            distinct = len(set(map(str, present)))
            ranking.append(((_rank(name, guess), distinct, len(ranking)), guess))
    return [guess for _, guess in sorted(ranking, key=lambda pair: pair[0])]


def looks_headless(first: Sequence[str], rest: Mapping[str, Sequence[str]]) -> bool:
    """Returns whether the first line of a csv or tsv file is data and no header, by the other lines' values by column.

    It is when one of its cells is empty, a number, a sentence, or a value that its column has again. The first cell may
    be empty in a header: pandas writes its index so.
    """
    cells = first if first[0].strip() else first[1:]
    if any(not cell.strip() or _number(cell) is not None or len(cell.split()) > 4 for cell in cells):
        return True
    return any(cell.strip() and cell in values for cell, values in zip(first, rest.values(), strict=True))


def _guess(name: str, present: list[Any], strings: bool) -> LabelGuess | None:
    if any(isinstance(value, list) for value in present):
        flat = [part for value in present if isinstance(value, list) for part in value]
        return LabelGuess(name, multi_label=True) if _is_few(flat, present) else None
    if any(isinstance(value, dict) for value in present):
        return None
    numbers = [_number(value) for value in present]
    if all(number is not None for number in numbers):
        return _guess_numeric(name, [number for number in numbers if number is not None], present)
    texts = [str(value) for value in present]
    separator = _separator(texts) if strings else None
    if separator:
        return LabelGuess(name, separator=separator, multi_label=True)
    return LabelGuess(name) if _is_few(texts, texts) else None


def _guess_numeric(name: str, numbers: list[float], present: list[Any]) -> LabelGuess | None:
    are_integers = all(number.is_integer() for number in numbers)
    has_rating_name = name.lower() in _RATING_NAMES
    if are_integers and not has_rating_name:
        return LabelGuess(name) if _is_few(present, present) else None
    low, high = min(numbers), max(numbers)
    if low == high or (not has_rating_name and (are_integers or not -10 <= low <= high <= 10)):
        return None
    if low < 0 < high:
        return LabelGuess(name, RatingSettings(column=name, center=0.0, neutral_within=round(max(-low, high) / 8, 3)))
    center = (low + high) / 2
    return LabelGuess(name, RatingSettings(column=name, center=center, neutral_within=round((high - low) / 8, 3)))


def _rank(name: str, guess: LabelGuess) -> int:
    if name.lower() in LABEL_NAMES:
        return 0
    if guess.rating:
        return 1 if name.lower() in _RATING_NAMES else 3
    return 2


def _separator(texts: list[str]) -> str | None:
    """Returns a separator that joins a small vocabulary into many more strings."""
    for separator in _SEPARATORS:
        candidates = [text for text in texts if separator in text]
        parts = Counter(part.strip() for text in texts for part in text.split(separator))
        if (
            len(candidates) * 10 >= len(texts)
            and len(parts) < len(set(texts))
            and _is_few(list(parts.elements()), texts)
        ):
            return separator
    return None


def _is_few(values: list[Any], rows: list[Any]) -> bool:
    """Returns whether values are short, few, and come again, as labels are."""
    distinct = set(map(str, values))
    limit = min(_MOST_LABELS, max(2, len(rows) // 2))
    return 2 <= len(distinct) <= limit and max(map(len, distinct)) <= _LONGEST_LABEL


def _is_id_name(name: str) -> bool:
    """Returns whether a column is named like ids, as user_id or userId are; label_id is named like labels."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    *others, last = re.split(r"[\W_]+", words.strip("_ ")) or [""]
    return last in _ID_WORDS and not set(others) & set(LABEL_NAMES)


def _are_ids(values: Sequence[Any], *, has_id_name: bool) -> bool:
    """Returns whether nearly all values look like codes or addresses, and differ or have the name of an id."""
    texts = [str(value) for value in values if value not in (None, "") and (has_id_name or isinstance(value, str))]
    code_count = sum(
        len(text) <= _LONGEST_ID and text.isascii() and not _BLANK.search(text) and bool(_CODED.search(text))
        for text in texts
    )
    code_count -= 0 if has_id_name else sum(_FRACTION.fullmatch(text) is not None for text in texts)
    differ = len(texts) >= _FEWEST_IDS and len(set(texts)) >= 0.95 * len(texts)
    return bool(texts) and code_count >= 0.95 * len(texts) and (has_id_name or differ)


def _mean_words(values: Sequence[Any]) -> float:
    return statistics.fmean([len(value.split()) for value in values if isinstance(value, str) and value] or [0.0])


def _mean_length(values: Sequence[Any]) -> float:
    texts = [value for value in values if isinstance(value, str) and value]
    if not texts or not any(any(character.isalpha() for character in text) for text in texts):
        return 0.0
    return statistics.fmean(map(len, texts))


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None
