"""Works out which versions of a model the model config file lists, for servers to load."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tfapp.registry.history import Change
from tfapp.registry.model_config import STABLE, ConfiguredModel

__all__ = ["highest", "list_by_labels", "list_with"]


def list_by_labels(
    model: ConfiguredModel, on_disk: Sequence[int], labels: Mapping[str, int], last_move: Change | None
) -> list[int] | None:
    """Returns the versions that labels name and, without a `stable`, what callers without a label have had so far.

    Args:
        model: The entry of the model as it is.
        on_disk: The versions that are there.
        labels: The version of each label.
        last_move: What was done to a label just before.

    Returns:
        None: the entry says so already.
    """
    numbers = set(labels.values())
    if STABLE not in labels:
        # A version that was rolled back from is no longer for callers without a label, either.
        rolled_back = {last_move.before} if last_move is not None and last_move.action == "rollback" else set()
        newest = model.served_versions(on_disk) - rolled_back
        numbers |= newest if model.kind == "latest" else highest(newest)
    return _new_list(model, numbers)


def list_with(model: ConfiguredModel, on_disk: Sequence[int], more: Collection[int]) -> list[int] | None:
    """Returns all versions that are loaded so far, and some more; None: the entry says so already."""
    return _new_list(model, model.served_versions(on_disk) | set(more))


def highest(numbers: set[int]) -> set[int]:
    """Returns the highest of some versions; none of none."""
    return {max(numbers)} if numbers else set()


def _new_list(model: ConfiguredModel, numbers: set[int]) -> list[int] | None:
    """Returns the versions in order; None where the policy names just these, or somebody chose to serve all."""
    is_unchanged = model.kind == "all" or (model.kind == "specific" and numbers == set(model.policy.specific.versions))
    return None if is_unchanged else sorted(numbers)
