"""Proposes settings for a file of labelled texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfapp.config import DataSettings, RatingSettings
from tfapp.data.columns import LabelGuess, guess_label, guess_text
from tfapp.data.data_sample import DataSample
from tfapp.data.folders import list_files
from tfapp.data.proposal import Proposal, make_proposal
from tfapp.errors import DataError
from tfapp.tasks.classification.choices import choose_training, count_labels

__all__ = ["propose_classification"]


def propose_classification(sample: DataSample) -> Proposal:
    """Proposes settings for a file of texts with labels or ratings, for a folder of texts, or for a data set.

    Raises:
        DataError: No column looks like texts or like labels.
    """
    source, columns = sample.source, sample.columns
    if source.asset is not None:
        notes = ["its columns are known by its name"]
        labels = count_labels(source.settings, columns)
        return _propose(sample, labels, columns.get(source.settings.text, []), notes)
    if source.format == "folder":
        files = list_files(source.path)
        labels = len({label for _, label, _ in files})
        notes = [f"labels: the {labels} sub-folders", *sample.notes]
        return _propose(sample, labels, columns["text"], notes, rows=len(files))
    text = guess_text(columns)
    if text is None:
        raise DataError(f"{source.name}: no column holds texts; columns: {sample.column_list}")
    label, label_notes = _choose_label(sample, text)
    notes = [
        f'texts: column "{text}" (the longest strings); columns: {sample.column_list}',
        *label_notes,
        *sample.notes,
    ]
    if "header" in sample.settings:
        notes.append("the first line looks like data: the columns are named by number")
    chosen = {"text": text} | _label_settings(label)
    labels = count_labels(DataSettings.model_validate({**sample.settings, **chosen}), columns)
    return _propose(sample, labels, columns[text], notes, columns=chosen, multi_label=label.multi_label)


def _propose(sample: DataSample, labels: int, texts: Sequence[Any], notes: Sequence[str], **options: Any) -> Proposal:
    proposal = make_proposal("classification", sample, texts, notes, longest=506, windows=True, **options)
    return choose_training(proposal, labels, sample.source.settings)


def _choose_label(sample: DataSample, text: str) -> tuple[LabelGuess, list[str]]:
    guesses = guess_label(sample.columns, text, strings=sample.source.format in ("csv", "tsv"))
    if not guesses:
        raise DataError(
            f'{sample.source.name}: the texts are in "{text}", but no column looks like labels (few values that come '
            f"again) or a rating; columns: {sample.column_list}"
        )
    best, others = guesses[0], [guess.column for guess in guesses[1:]]
    how = "a rating" if best.rating else "several labels a text" if best.multi_label else "few distinct values"
    notes = [f'labels: column "{best.column}" ({how})']
    if best.rating:
        notes.append('task = "regression" would learn the number itself')
    if others:
        notes.append(f"labels could also be in: {', '.join(map(repr, others))}")
    return best, notes


def _label_settings(label: LabelGuess) -> dict[str, Any]:
    if label.rating:
        return {"rating": RatingSettings.model_validate(label.rating).model_dump()}
    return {"label": label.column} | ({"label_separator": label.separator} if label.separator else {})
