"""Gives a side of a split that was cut too small what it lacks, from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from tfapp.config import DataSettings
from tfapp.data.cleaning import Rows, found_rows
from tfapp.data.findings import Finding
from tfapp.data.splitting import split_numbers

__all__ = ["Suffices", "fill_sides"]

Suffices: TypeAlias = Callable[[str, Rows], bool]
"""Whether rows are enough to learn from ("train"), or to evaluate on ("dev", "test")."""

_MOST_TRIED: Final = 1000


def fill_sides(
    sides: dict[str, Rows], given: Mapping[str, Rows], settings: DataSettings, suffices: Suffices
) -> list[Finding]:
    """Moves rows, with the rest of their groups, to a side that was cut off and does not suffice, or to train.

    The sides that they come from suffice without them. Where none has rows to give, all stays as it was.

    Args:
        sides: The sides; those that get or give rows are replaced.
        given: The sides that have a file of their own, which stay whole; and train.
        settings: Shares and seed of the split.
        suffices: What a side needs.
    """
    shares = {"train": 1.0, "test": settings.test_share, "dev": settings.dev_share}
    cut = [side for side, share in shares.items() if side == "train" or (share and side not in given)]
    findings = []
    for side in cut:
        if suffices(side, sides[side]):
            continue
        for donor in cut:
            moved = _rows_to_move(side, donor, sides, settings, suffices) if donor != side else None
            if moved is not None:
                what = f"moved from {donor} to {side}, which had too few to learn from or to evaluate on"
                findings += found_rows(sides[donor], moved, "empty_split", what, "moved")
                sides[side], sides[donor] = sides[side].join(sides[donor].keep(moved)), sides[donor].keep(~moved)
                break
    return findings


def _rows_to_move(
    side: str, donor: str, sides: Mapping[str, Rows], settings: DataSettings, suffices: Suffices
) -> npt.NDArray[np.bool_] | None:
    """Returns the rows of a donor that a side needs: of one group if one is enough, else of several; None: of none."""
    rows, needy = sides[donor], sides[side]
    for group in _groups(rows, settings):
        if suffices(side, needy.join(rows.keep(group))) and suffices(donor, rows.keep(~group)):
            return group
    several = np.zeros(len(rows), bool)
    for group in _groups(rows, settings):
        more = several | group
        if suffices(donor, rows.keep(~more)):
            several = more
            if suffices(side, needy.join(rows.keep(several))):
                return several
    return None


def _groups(rows: Rows, settings: DataSettings) -> Iterator[npt.NDArray[np.bool_]]:
    """Yields the masks of groups, in an order that depends on their texts and the seed alone."""
    order = np.argsort(split_numbers(rows.groups, settings.split_seed), kind="stable")
    for group in list(dict.fromkeys(rows.groups[order].tolist()))[:_MOST_TRIED]:
        yield rows.groups == group
