"""Fills a split that has too few rows with rows of the other splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows, found_rows
from tfapp.data.findings import Finding
from tfapp.data.split_by_hash import split_numbers

__all__ = ["Suffices", "fill_splits"]

Suffices: TypeAlias = Callable[[str, Rows], bool]
"""Returns whether rows are enough to learn from ("train"), or to evaluate on ("dev", "test")."""

_MOST_TRIED: Final = 1000


def fill_splits(
    splits: dict[str, Rows], from_files: Mapping[str, Rows], settings: DataSettings, suffices: Suffices
) -> list[Finding]:
    """Moves rows, with the rest of their groups, to a split that was cut off and does not suffice, or to train.

    The splits that they come from suffice without them. Where none has rows to give, all stays as it was.

    Args:
        splits: The rows by split; those that get or give rows are replaced.
        from_files: The splits that have a file of their own, which stay whole; and train.
        settings: Shares and seed of the split.
        suffices: What a split needs.
    """
    shares = {"train": 1.0, "test": settings.test_share, "dev": settings.dev_share}
    splits_to_fill = [
        split for split, share in shares.items() if split == "train" or (share and split not in from_files)
    ]
    findings = []
    for split in splits_to_fill:
        if suffices(split, splits[split]):
            continue
        for donor in splits_to_fill:
            mask = _rows_to_move(split, donor, splits, settings, suffices) if donor != split else None
            if mask is not None:
                description = f"moved from {donor} to {split}, which had too few to learn from or to evaluate on"
                findings += found_rows(splits[donor], mask, "empty_split", description, "moved")
                splits[split], splits[donor] = splits[split].join(splits[donor].keep(mask)), splits[donor].keep(~mask)
                break
    return findings


def _rows_to_move(
    split: str, donor: str, splits: Mapping[str, Rows], settings: DataSettings, suffices: Suffices
) -> npt.NDArray[np.bool_] | None:
    """Returns the rows of a donor that a split needs: of one group if one is enough, else of several; None: of none."""
    rows, recipient = splits[donor], splits[split]
    for group in _groups(rows, settings):
        if suffices(split, recipient.join(rows.keep(group))) and suffices(donor, rows.keep(~group)):
            return group
    groups = np.zeros(len(rows), bool)
    for group in _groups(rows, settings):
        more_groups = groups | group
        if suffices(donor, rows.keep(~more_groups)):
            groups = more_groups
            if suffices(split, recipient.join(rows.keep(groups))):
                return groups
    return None


def _groups(rows: Rows, settings: DataSettings) -> Iterator[npt.NDArray[np.bool_]]:
    """Yields the masks of groups, in an order that depends on their texts and the seed alone."""
    order = np.argsort(split_numbers(rows.groups, settings.split_seed), kind="stable")
    for group in list(dict.fromkeys(rows.groups[order].tolist()))[:_MOST_TRIED]:
        yield rows.groups == group
