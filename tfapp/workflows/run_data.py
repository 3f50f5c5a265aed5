"""The data of an experiment, and whether they are still those that a run was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfapp.config import Experiment
from tfapp.core.progress_bar import progress
from tfapp.errors import TrainingError
from tfapp.tasks.experiments import read_run_settings

if TYPE_CHECKING:
    from tfapp.data import Splits
    from tfapp.training import RunFolder

__all__ = ["check_same_data", "load_run_splits", "load_splits"]


def load_splits(experiment: Experiment, *, quiet: bool = True) -> Splits:
    """Reads, cleans and splits an experiment's data, and shows the progress unless it is to be quiet.

    Raises:
        DataError: They cannot be used; names file and row.
    """
    from tfapp.data import load
    from tfapp.tasks.registry import find_task

    schema, multi_label = find_task(experiment.task).schema, experiment.model.multi_label
    with progress("Reading", "rows", quiet=quiet) as advance:
        return load(experiment.data, schema=schema, multi_label=multi_label, on_progress=advance)


def load_run_splits(folder: RunFolder) -> Splits:
    """Returns the splits that a run was started with, read again.

    Raises:
        DataError: They are gone.
        TrainingError: They are other ones now.
    """
    splits = load_splits(read_run_settings(folder.path))
    check_same_data(folder, splits)
    return splits


def check_same_data(folder: RunFolder, splits: Splits) -> None:
    """Checks that splits are those that a run was started with, by their fingerprint.

    Raises:
        TrainingError: They are not the same.
    """
    data = folder.read("data")
    if data["fingerprint"] == splits.fingerprint:
        return
    if _has_thinned(data["report"]["findings"], splits):
        raise TrainingError(
            f"{folder.path}: an earlier version of tfapp dropped repeated rows from this run's dev or test file, which "
            "now stays as it is; start a new run, or evaluate this one with --data FILE"
        )
    raise TrainingError(
        f"{folder.path}: the data are not those that the run was started with; "
        "start a new run, or evaluate it with --data FILE"
    )


def _has_thinned(findings: list[dict[str, Any]], splits: Splits) -> bool:
    """Returns whether a run's dev or test lacks repeated rows, which they keep since a file of theirs stays whole."""
    names = {splits.settings.dev, splits.settings.test}
    kinds = ("duplicate", "conflicting_duplicate", "overlap")
    return any(
        finding["file"] in names and finding["kind"] in kinds and finding["action"] == "dropped" for finding in findings
    )
