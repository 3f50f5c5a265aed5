"""Writes a run's model for Transformers or sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfapp.core.progress_bar import progress
from tfapp.errors import ExportError
from tfapp.training import RunFolder
from tfapp.workflows.foreign_export import export_folder, load_run_model

__all__ = ["export_hugging_face"]

_FORM = "Hugging Face"


def export_hugging_face(folder: RunFolder, to: Path, *, overrides: Sequence[str] = (), quiet: bool) -> Path:
    """Writes a run's best weights to a folder that Transformers or sentence-transformers reads; it appears by rename.

    Args:
        folder: The run.
        to: The folder in which that of the model is written, by the experiment's name; an earlier one is replaced.
        overrides: Settings of the export, as `export.max_length=64`.
        quiet: Show no progress.

    Returns:
        `TO/NAME`.

    Raises:
        ExportError: No stock class can express the model, the extra is missing, or the folder cannot be written.
        SettingsError: Something else is in its place, or a setting is none of the export.
        TrainingError: The run is not finished.
    """
    experiment, task, model = run_model = load_run_model(folder, _FORM, overrides)
    if task.hugging_face is None:
        raise ExportError(f"models of {task.name} have no {_FORM} form; export as a SavedModel")
    try:
        from tfapp.exports.huggingface.write import write_stock_model

        form = task.hugging_face(model)
    except ImportError as error:
        raise ExportError(f"{error.name} is missing, which this needs; pip install 'tfapp[huggingface]'") from error
    except ExportError as error:
        raise ExportError(f"{folder.path}: no class of Transformers expresses the model: {error}") from error
    target = to / experiment.name
    with export_folder(target, "config.json", _FORM) as draft, progress("Exporting", quiet=quiet):
        write_stock_model(model, draft, form, name=experiment.name, max_length=run_model.max_length)
    return target
