"""Proposes settings for a file of texts, or pairs of texts, with numbers."""

from __future__ import annotations

from tfapp.data.proposals.columns import guess_label
from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.number_columns import choose_number_column, number_columns
from tfapp.data.proposals.pair_columns import find_pair, find_pair_number, has_lists
from tfapp.data.proposals.proposal import Proposal, make_proposal

__all__ = ["propose_pair_regression", "propose_regression", "suggest_regression"]


def propose_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of texts whose only labels are many distinct numbers; None for any other."""
    text = sample.text_column
    if text is None or has_lists(sample) or find_pair(sample):
        return None
    # What may be classes, or a rating, is proposed as such.
    if guess_label(sample.label_columns, text, strings=sample.holds_strings):
        return None
    label, notes = choose_number_column(number_columns(sample), sample)
    if label is None:
        return None
    notes = [f'texts: column "{text}" (the longest strings); columns: {sample.column_list}', *notes]
    return make_proposal("regression", sample, sample.columns[text], notes, columns={"text": text, "label": label})


def propose_pair_regression(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of pairs of texts with numbers; None for any other."""
    pair = find_pair(sample)
    label, notes = find_pair_number(sample, pair) if pair else (None, [])
    if pair is None or label is None:
        return None
    columns = {**pair.settings, "label": label}
    return make_proposal("pair-regression", sample, pair.texts(sample), [pair.note(sample), *notes], columns=columns)


def suggest_regression(sample: DataSample, proposal: Proposal) -> str | None:
    """Suggests this task where another one makes labels of a text's rating."""
    del sample
    is_rating = {"text", "rating"} <= proposal.data.keys()
    return 'task = "regression" would learn the number itself' if is_rating else None
