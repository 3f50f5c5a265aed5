"""What the exports of a run to other libraries have in common: the model, and the folder that it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tfapp.config import Experiment
from tfapp.core.files import replacing_folder
from tfapp.errors import ExportError, SettingsError, TrainingError
from tfapp.models import BertModel
from tfapp.tasks.models import load_model
from tfapp.tasks.registry import find_task
from tfapp.tasks.spec import TaskSpec
from tfapp.training import RunFolder
from tfapp.workflows.publish import export_settings

__all__ = ["RunModel", "export_folder", "load_run_model"]


class RunModel(NamedTuple):
    """The trained model of a run.

    Attributes:
        experiment: The run's settings, with those of the export.
        task: Its task.
        model: The model.
    """

    experiment: Experiment
    task: TaskSpec
    model: BertModel

    @property
    def max_length(self) -> int:
        """Returns the longest input in tokens."""
        return self.experiment.export.max_length or self.experiment.model.max_length


def load_run_model(folder: RunFolder, form: str, overrides: Sequence[str]) -> RunModel:
    """Loads the model of a finished run.

    Args:
        folder: The run.
        form: What it is to become, for errors.
        overrides: Settings of the export, as `export.max_length=64`.

    Raises:
        ExportError: It stands on no BERT, or is to be written in another precision than float32.
        SettingsError: A setting has an unknown name, breaks its rule, or is none of the export.
        TrainingError: The run is not finished.
    """
    if not folder.is_finished:
        raise TrainingError(f"{folder.path}: the run is not finished; go on with `tfapp train ... --resume` first")
    experiment = export_settings(folder, overrides)
    if experiment.export.precision not in ("float32", "auto"):
        raise ExportError(f"export.precision {experiment.export.precision}: {form} models are written in float32")
    model = load_model(folder.model)
    if not isinstance(model, BertModel):
        raise ExportError(
            f"a model of model.kind {model.kind} stands on no BERT and has no {form} form; export as a SavedModel"
        )
    return RunModel(experiment, find_task(experiment.task), model)


@contextmanager
def export_folder(target: Path, marker: str, form: str) -> Iterator[Path]:
    """Yields an empty folder that becomes an export's by rename, when the block has filled it.

    Args:
        target: The export's folder; that of an earlier export is replaced.
        marker: The file by which an earlier export is known.
        form: What it is, for errors.

    Raises:
        ExportError: It cannot be written.
        SettingsError: Something else is there.
    """
    if target.exists() and not (target / marker).is_file():
        raise SettingsError(
            f"{target}: exists and is no {form} model, so it is not replaced; choose another folder by --to"
        )
    try:
        with replacing_folder(target) as draft:
            yield draft
    except OSError as error:
        raise ExportError(f"{target}: cannot be written: {error.strerror or error}") from error
