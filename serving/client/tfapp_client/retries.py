"""Retries with growing pauses, which gRPC makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from tfapp_client.former_names import FormerNames

__all__ = ["Retries"]

# gRPC takes more attempts for 5 (proposal A6, "gRPC Retry Design").
_MOST_ATTEMPTS: Final = 5


@dataclass(frozen=True)
class Retries(FormerNames):
    """Retries of a request after UNAVAILABLE, the only status which says that the server did not process it.

    gRPC does it, within the call's deadline; it varies each pause by a fifth, so that callers do not return as one.

    Attributes:
        attempts: Tries in all, from 1 (no retry) to 5.
        initial_backoff: Pause before the first retry, in seconds.
        max_backoff: Longest pause, in seconds.
        multiplier: How much longer each pause is than the last.
    """

    former_names: ClassVar[Mapping[str, str]] = {
        "first_pause": "initial_backoff",
        "longest_pause": "max_backoff",
        "factor": "multiplier",
    }

    attempts: int = 5
    initial_backoff: float = 0.2
    max_backoff: float = 5.0
    multiplier: float = 2.5

    def __new__(cls, *_values: Any, **settings: Any) -> Self:
        """Refuses the names that these settings had before."""
        for name in settings.keys() & cls.former_names.keys():
            raise TypeError(f"Retries.{name} is {cls.former_names[name]} now")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"attempts must be from 1 to {_MOST_ATTEMPTS}, got {self.attempts}")
        if min(self.initial_backoff, self.max_backoff, self.multiplier) <= 0:
            raise ValueError(f"initial_backoff, max_backoff and multiplier must be over 0, got {self}")

    def policy(self) -> dict[str, Any]:
        """Returns the retry policy of a gRPC service config."""
        if self.attempts == 1:
            return {}
        return {
            "retryPolicy": {
                "maxAttempts": self.attempts,
                "initialBackoff": f"{self.initial_backoff:.9f}s",
                "maxBackoff": f"{self.max_backoff:.9f}s",
                "backoffMultiplier": self.multiplier,
                "retryableStatusCodes": ["UNAVAILABLE"],
            }
        }
