"""Chooses which of a model's versions a server loads, by its ServableVersionPolicy: latest, all, or specific ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

__all__ = ["Policy", "all_versions", "latest", "read_policy", "specific"]

Policy: TypeAlias = Callable[[Sequence[int]], set[int]]
"""Returns those of the versions on disk that a server loads."""


def latest(count: int = 1) -> Policy:
    """Returns the policy that serves the highest versions."""
    return lambda versions: set(sorted(versions)[-count:])


def all_versions() -> Policy:
    """Returns the policy that serves every version."""
    return set


def specific(numbers: Collection[int]) -> Policy:
    """Returns the policy that serves those of the wanted versions that are there."""
    return lambda versions: set(versions) & set(numbers)


def read_policy(message: Any) -> Policy:
    """Reads a ServableVersionPolicy; an empty one means the newest version."""
    match message.WhichOneof("policy_choice"):
        case "all":
            return all_versions()
        case "specific":
            return specific(frozenset(message.specific.versions))
        case _:
            return latest(max(message.latest.num_versions, 1))
