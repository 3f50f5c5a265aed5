"""Sends a share of the calls to a version on trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tfapp_client.errors import NotFoundError, StatusError

__all__ = ["Canary"]

# TensorFlow Serving's text for a label that no version carries.
_NO_LABEL: Final = "Unrecognized servable version label"


@dataclass(frozen=True)
class Canary:
    """A version on trial, which gets a share of the calls that ask for no version and no label.

    A call whose canary has no label or no version any more goes where the others go: taking a canary back costs a
    request, not an answer.

    Attributes:
        label: The label of the version on trial.
        share: The share of calls that it gets, from 0 to 1.
        otherwise: The label that the others ask for; None: the newest version.
    """

    label: str
    share: float
    otherwise: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be from 0 to 1, got {self.share}")

    @staticmethod
    def is_gone(error: StatusError) -> bool:
        """Returns whether a failed call says that no version carries the label."""
        return isinstance(error, NotFoundError) or _NO_LABEL in error.details
