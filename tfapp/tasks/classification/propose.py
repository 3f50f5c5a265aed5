"""Proposes settings for a file of labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tfapp.assets.sentence_encoder import SentenceEncoder
from tfapp.config import DataSettings
from tfapp.data.proposals.columns import LabelGuess, guess_ids, guess_label
from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.label_columns import choose_label, label_settings, propose_label_names
from tfapp.data.proposals.proposal import WINDOW, Proposal, make_proposal
from tfapp.data.readers.folders import list_files
from tfapp.errors import DataError
from tfapp.tasks.classification.default_hyperparameters import choose_training, count_labels

__all__ = ["propose_classification"]


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
        return _propose_folder(sample, encoder)
    text = sample.text_column
    if text is None:
        raise DataError(f"{source.name}: no column holds texts; columns: {sample.column_list}")
    label, label_notes = choose_label(sample, guess_label(sample.label_columns, text, strings=sample.holds_strings))
    if label is None:
        raise DataError(
            f'{source.name}: the texts are in "{text}", but no column looks like labels (few values that come '
            f"again) or a rating; columns: {sample.column_list}"
        )
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
    data = {"text": text} | label_settings(label)
    if not label.rating:
        names = propose_label_names(sample, columns[label.column], label)
        data |= names.settings
        notes += names.notes
    counts = count_labels(DataSettings.model_validate({**sample.settings, **data}), columns)
    return _propose(sample, encoder, counts, columns[text], notes, columns=data, multi_label=label.multi_label)


def _propose_folder(sample: DataSample, encoder: SentenceEncoder | None) -> Proposal:
    """Proposes settings for a folder of texts, whose sub-folders are the labels."""
    files = list_files(sample.source.path)
    folders = [folder for _, folder, _ in files]
    names = propose_label_names(sample, folders, LabelGuess("the names of the sub-folders"))
    counts = list(Counter(folders).values())
    notes = [f"labels: the {len(counts)} sub-folders", *names.notes, *sample.notes]
    return _propose(sample, encoder, counts, sample.columns["text"], notes, rows=len(files), columns=names.settings)


def _propose(
    sample: DataSample,
    encoder: SentenceEncoder | None,
    counts: Sequence[int],
    texts: Sequence[Any],
    notes: Sequence[str],
    **options: Any,
) -> Proposal:
    proposal = make_proposal("classification", sample, texts, notes, longest=506, **options)
    if proposal.model["max_length"] > WINDOW:
        proposal = replace(proposal, model={**proposal.model, "window": WINDOW})
    return choose_training(proposal, counts, sample.source.settings, encoder)
