"""Chooses the column of the labels, and proposes how their names are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tfapp.config import RatingSettings
from tfapp.data.findings import name_list
from tfapp.data.label_names import common_spellings, spelling_list, unknown_name
from tfapp.data.labels import as_labels
from tfapp.data.proposals.columns import LabelGuess
from tfapp.data.proposals.data_sample import DataSample
from tfapp.errors import DataError

__all__ = ["LabelNames", "choose_label", "label_settings", "propose_label_names"]

_FEW: Final = 5


def choose_label(sample: DataSample, guesses: Sequence[LabelGuess]) -> tuple[LabelGuess | None, list[str]]:
    """Returns the column of the labels, None where no column looks like them, and notes on the choice.

    Args:
        sample: A look at the file; it knows the column that the user named.
        guesses: What looks like labels, the likeliest first.
    """
    column_name = sample.named_column("label")
    if column_name:
        several = bool(guesses and guesses[0].multi_label)
        guess = guesses[0] if several else LabelGuess(column_name, separator=sample.hints.get("label_separator"))
        return replace(guess, multi_label=several or guess.separator is not None), [f'labels: column "{column_name}"']
    if not guesses:
        return None, []
    best, others = guesses[0], [guess.column for guess in guesses[1:]]
    kind = "a rating" if best.rating else "several labels a text" if best.multi_label else "few distinct values"
    notes = [f'labels: column "{best.column}" ({kind})']
    if others:
        notes.append(f"labels could also be in: {', '.join(map(repr, others))}")
    return best, notes


def label_settings(label: LabelGuess) -> dict[str, Any]:
    """Returns values for the section `data`."""
    if label.rating:
        return {"rating": RatingSettings.model_validate(label.rating).model_dump()}
    return {"label": label.column} | ({"label_separator": label.separator} if label.separator else {})


class LabelNames(NamedTuple):
    """The settings that the names of labels suggest: values for the section `data`, and why."""

    settings: dict[str, Any]
    notes: list[str]


def propose_label_names(
    sample: DataSample, values: Sequence[Any], label: LabelGuess, *, with_unknown: bool = True
) -> LabelNames:
    """Proposes to merge spellings of one label, and a label that says "none of these" as the unknown one.

    Args:
        sample: A look at the file.
        values: The column of the labels.
        label: What was chosen as that.
        with_unknown: Whether a label that says "none of these" is none of the classes.

    Raises:
        DataError: The values are no labels, or fewer than two labels come again.
    """
    separator = label.separator
    try:
        counts = Counter(name for value in values for name in as_labels(value, separator) or ())
    except ValueError as error:
        raise DataError(
            f'{sample.source.name}: the labels seem to be in "{label.column}", but a value {error}'
        ) from error
    settings: dict[str, Any] = {}
    notes = []
    spellings = common_spellings(counts)
    if spellings:
        settings["merge_labels"] = True
        notes.append(f"merge_labels: labels differ in case or white space alone: {spelling_list(spellings)}")
        counts = Counter(spellings.get(name, name) for name in counts.elements())
    several = [name for name, count in counts.items() if count > 1]
    if len(several) < 2 and not label.multi_label:
        raise DataError(
            f'{sample.source.name}: the labels seem to be in "{label.column}", but fewer than two of them have more '
            f"than one row: {name_list(counts)}; add rows, or name another column"
        )
    unknown = unknown_name(counts) if with_unknown and not label.multi_label else None
    if unknown is not None and len(several) > 2:
        settings["unknown_label"] = unknown
        notes.append(f'unknown_label: "{unknown}" says that none of the other labels fits; remove it if it is a label')
    rare_counts = {name: count for name, count in counts.items() if count < _FEW}
    if rare_counts and not label.multi_label:
        notes.append(f"labels of fewer than {_FEW} rows, which dev or test may lack: {name_list(rare_counts)}")
    return LabelNames(settings, notes)
