"""Proposes settings for a file of labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from tfapp.config import DataSettings, RatingSettings
from tfapp.data.columns import LabelGuess, guess_ids, guess_label
from tfapp.data.data_sample import DataSample
from tfapp.data.findings import name_list
from tfapp.data.folders import list_files
from tfapp.data.label_names import common_spellings, spelling_list, unknown_name
from tfapp.data.labels import as_labels
from tfapp.data.proposal import Proposal, make_proposal
from tfapp.errors import DataError
from tfapp.tasks.classification.choices import choose_training, count_labels
from tfapp.tasks.shared.sentence_encoder import SentenceEncoder

__all__ = ["propose_classification"]

_FEW: Final = 5


def propose_classification(sample: DataSample, encoder: SentenceEncoder | None) -> Proposal:
    """Proposes settings for a file of texts with labels or ratings, for a folder of texts, or for a data set.

    Args:
        sample: A look at the file.
        encoder: As in `TaskSpec.choose`.

    Raises:
        DataError: No column looks like texts or like labels.
    """
    source, columns = sample.source, sample.columns
    if source.asset is not None:
        notes = ["its columns are known by its name"]
        counts = count_labels(source.settings, columns)
        return _propose(sample, encoder, counts, columns.get(source.settings.text, []), notes)
    if source.format == "folder":
        files = list_files(source.path)
        folders = [folder for _, folder, _ in files]
        names = _propose_label_names(sample, folders, LabelGuess("the names of the sub-folders"))
        counts = list(Counter(folders).values())
        notes = [f"labels: the {len(counts)} sub-folders", *names.notes, *sample.notes]
        return _propose(sample, encoder, counts, columns["text"], notes, rows=len(files), columns=names.settings)
    text = sample.text_column
    if text is None:
        raise DataError(f"{source.name}: no column holds texts; columns: {sample.column_list}")
    label, label_notes = _choose_label(sample, text)
    notes = [
        f'texts: column "{text}" (the longest strings); columns: {sample.column_list}',
        *label_notes,
        *sample.notes,
    ]
    if "header" in sample.settings and "header" not in sample.hints:
        notes.append("the first line looks like data: the columns are named by number")
    ids = [name for name in guess_ids(columns) if name != text]
    if ids:
        notes.append(f"ids: {', '.join(map(repr, ids))} look like ids or times, and are neither texts nor labels")
    data = {"text": text} | _label_settings(label)
    if not label.rating:
        names = _propose_label_names(sample, columns[label.column], label)
        data |= names.settings
        notes += names.notes
    counts = count_labels(DataSettings.model_validate({**sample.settings, **data}), columns)
    return _propose(sample, encoder, counts, columns[text], notes, columns=data, multi_label=label.multi_label)


class _LabelNames(NamedTuple):
    """The settings that the names of labels suggest: values for the section `data`, and why."""

    settings: dict[str, Any]
    notes: list[str]


def _propose_label_names(sample: DataSample, values: Sequence[Any], label: LabelGuess) -> _LabelNames:
    """Proposes to merge spellings of one label, and a label that says "none of these" as the unknown one."""
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
    unknown = None if label.multi_label else unknown_name(counts)
    if unknown is not None and len(several) > 2:
        settings["unknown_label"] = unknown
        notes.append(f'unknown_label: "{unknown}" says that none of the other labels fits; remove it if it is a label')
    few = {name: count for name, count in counts.items() if count < _FEW}
    if few and not label.multi_label:
        notes.append(f"labels of fewer than {_FEW} rows, which dev or test may lack: {name_list(few)}")
    return _LabelNames(settings, notes)


def _propose(
    sample: DataSample,
    encoder: SentenceEncoder | None,
    counts: Sequence[int],
    texts: Sequence[Any],
    notes: Sequence[str],
    **options: Any,
) -> Proposal:
    proposal = make_proposal("classification", sample, texts, notes, longest=506, windows=True, **options)
    return choose_training(proposal, counts, sample.source.settings, encoder)


def _choose_label(sample: DataSample, text: str) -> tuple[LabelGuess, list[str]]:
    guesses = guess_label(sample.label_columns, text, strings=sample.source.format in ("csv", "tsv", "xlsx"))
    column_name = sample.named("label")
    if column_name:
        several = bool(guesses and guesses[0].multi_label)
        guess = guesses[0] if several else LabelGuess(column_name, separator=sample.hints.get("label_separator"))
        return replace(guess, multi_label=several or guess.separator is not None), [f'labels: column "{column_name}"']
    if not guesses:
        raise DataError(
            f'{sample.source.name}: the texts are in "{text}", but no column looks like labels (few values that come '
            f"again) or a rating; columns: {sample.column_list}"
        )
    best, others = guesses[0], [guess.column for guess in guesses[1:]]
    kind = "a rating" if best.rating else "several labels a text" if best.multi_label else "few distinct values"
    notes = [f'labels: column "{best.column}" ({kind})']
    if best.rating:
        notes.append('task = "regression" would learn the number itself')
    if others:
        notes.append(f"labels could also be in: {', '.join(map(repr, others))}")
    return best, notes


def _label_settings(label: LabelGuess) -> dict[str, Any]:
    if label.rating:
        return {"rating": RatingSettings.model_validate(label.rating).model_dump()}
    return {"label": label.column} | ({"label_separator": label.separator} if label.separator else {})
