"""Looks at a data file and proposes the settings of an experiment on it."""

from __future__ import annotations

from tfapp.data import Proposal, Pull, take_sample
from tfapp.tasks.classification.propose import propose_classification
from tfapp.tasks.registry import all_tasks

__all__ = ["sniff"]


def sniff(
    name: str,
    *,
    format: str = "auto",  # noqa: A002 - the setting's name
    pull: Pull | None = None,
) -> Proposal:
    """Proposes settings for a data file: those of the first task that takes it for its own, else of a classification.

    Args:
        name: A file, a folder of texts, or a data set's name.
        format: The file's format; "auto" goes by the suffix.
        pull: Brings a data set by name; `tfapp.assets.pull` by default.

    Raises:
        DataError: There is no such file, it is broken, or no column looks like texts or like labels.
    """
    sample = take_sample(name, format=format, pull=pull)
    # A data set's columns are known by its name.
    hooks = (task.propose for task in all_tasks().values() if task.propose and sample.source.asset is None)
    proposals = (propose(sample) for propose in hooks)
    return next((proposal for proposal in proposals if proposal), None) or propose_classification(sample)
