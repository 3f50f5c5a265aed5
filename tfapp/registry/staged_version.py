"""A version that servers load before a label moves to it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["StagedVersion"]


class StagedVersion(NamedTuple):
    """A version that servers are to load before a label moves to it.

    Attributes:
        version: The version.
        label_version: The version that the label points at meanwhile; None: nowhere.
        before: The file's text before.
        after: The file's text since.
    """

    version: int
    label_version: int | None
    before: str
    after: str
