"""Proposes settings for a file of labelled pairs of texts."""

from __future__ import annotations

from tfapp.data.proposals.data_sample import DataSample
from tfapp.data.proposals.label_columns import choose_label, label_settings, propose_label_names
from tfapp.data.proposals.pair_columns import find_pair, find_pair_number, guess_pair_label
from tfapp.data.proposals.proposal import Proposal, make_proposal

__all__ = ["propose_pair_classification"]


def propose_pair_classification(sample: DataSample) -> Proposal | None:
    """Proposes settings for a file of pairs of texts with labels; None for any other.

    Raises:
        DataError: Fewer than two of the labels come again.
    """
    pair = find_pair(sample)
    if pair is None or find_pair_number(sample, pair)[0] is not None:
        return None
    label, notes = choose_label(sample, guess_pair_label(sample, pair))
    if label is None:
        return None
    # Of two texts, "none of these" is a class like the others: they are in none of the relations.
    names = propose_label_names(sample, sample.columns[label.column], label, with_unknown=False)
    notes = [pair.note(sample), *notes, *sample.notes, *names.notes]
    return make_proposal(
        "pair-classification",
        sample,
        pair.texts(sample),
        notes,
        columns={**pair.settings, **label_settings(label), **names.settings},
        multi_label=label.multi_label,
    )
