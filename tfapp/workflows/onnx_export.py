"""Writes a run's model for other runtimes, as ONNX, and checks that it answers as the served model does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from tfapp.core.progress_bar import progress
from tfapp.core.rows import Row, row_line, to_columns
from tfapp.errors import DataError, ExportError, TrainingError
from tfapp.models import TaskModel
from tfapp.savedmodel.verify import TOLERANCE, answer_difference, hard_rows
from tfapp.tasks.spec import TaskSpec
from tfapp.training import RunFolder
from tfapp.workflows.foreign_export import export_folder, load_run_model
from tfapp.workflows.inference import packed_model
from tfapp.workflows.predict import graph_of
from tfapp.workflows.run_data import load_run_splits

if TYPE_CHECKING:
    from tfapp.exports.onnx.form import OnnxForm

__all__ = ["export_onnx"]

# Rows of the run's own data that the answers are compared on, beside the hard ones.
_ROWS: Final = 1000
_BATCH: Final = 32


def export_onnx(folder: RunFolder, to: Path, *, overrides: Sequence[str] = (), quiet: bool) -> Path:
    """Writes a run's best weights to a folder with an ONNX graph and its tokenizer, which appears by rename.

    Its answers are compared with those of the served graph: on rows of the run's data, where these are still there, and
    on rows that are hard to read.

    Args:
        folder: The run.
        to: The folder in which that of the model is written, by the experiment's name; an earlier one is replaced.
        overrides: Settings of the export, as `export.max_length=64`.
        quiet: Show no progress.

    Returns:
        `TO/NAME`.

    Raises:
        ExportError: The model has no ONNX form, the extra is missing, an answer differs, or the folder cannot be
            written.
        SettingsError: Something else is in its place, or a setting is none of the export.
        TrainingError: The run is not finished.
    """
    experiment, task, model = run_model = load_run_model(folder, "ONNX", overrides)
    form = _form(task)
    target, rows = to / experiment.name, [*_own_rows(folder, model), *hard_rows(len(model.inputs))]
    from tfapp.exports.onnx.write import write_onnx

    with (
        export_folder(target, "model.onnx", "ONNX") as draft,
        progress("Exporting and comparing answers", "rows", quiet=quiet) as advance,
    ):
        write_onnx(model, draft, form, name=experiment.name, max_length=run_model.max_length)
        for count in _check_answers(form, draft, model, rows, max_length=run_model.max_length):
            advance(count, len(rows))
    return target


def _form(task: TaskSpec) -> OnnxForm:
    """Returns the ONNX form of a task's models.

    Raises:
        ExportError: There is none, or the extra is missing.
    """
    if task.onnx is None:
        raise ExportError(f"models of {task.name} have no ONNX form; export as a SavedModel")
    try:
        import onnx  # noqa: F401

        return task.onnx()
    except ImportError as error:
        raise ExportError(f"{error.name} is missing, which ONNX models need; pip install 'tfapp[onnx]'") from error


def _own_rows(folder: RunFolder, model: TaskModel) -> list[Row]:
    """Returns rows of the run's data; where these are gone or others now, the few that the run has kept."""
    try:
        splits = load_run_splits(folder)
    except (DataError, TrainingError):
        return list(folder.read("data")["samples"])
    rows: list[Row] = []
    for split in (splits.dev, splits.test, splits.train):
        rows += model.rows(split.slice(0, _ROWS - len(rows)).to_pydict())
    return rows[:_ROWS]


def _check_answers(
    form: OnnxForm, folder: Path, model: TaskModel, rows: Sequence[Row], *, max_length: int
) -> Iterator[int]:
    """Compares the answers to rows, batch by batch; yields how many are compared.

    Raises:
        ExportError: Some differ.
    """
    exported_model = form.decoder(folder)
    preprocessor = model.preprocessor.with_max_length(max_length)
    answer = graph_of(packed_model(model), preprocessor=preprocessor)
    tolerance = TOLERANCE * model.answer_scale
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        outputs = exported_model(*to_columns(batch, model.inputs).values())
        for name, values in answer(batch).items():
            for row, output, value in zip(batch, outputs[name], values, strict=True):
                answer_difference(name, np.asarray(output), np.asarray(value), row_line(row), tolerance)
        yield start + len(batch)
