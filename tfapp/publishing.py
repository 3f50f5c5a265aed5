"""Publishes models as the next versions of their names: a run's, or a preset as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfapp.config import Experiment, dump_toml
from tfapp.errors import ExportError, TrainingError
from tfapp.export import export_model
from tfapp.models import TaskModel, build_model, load_model, load_preset
from tfapp.registry import publish, staging_folder
from tfapp.rows import Row
from tfapp.terminal import progress
from tfapp.training import Evaluation, RunFolder
from tfapp.version import __version__

__all__ = ["export_run", "export_untrained"]


def export_run(folder: RunFolder, models: Path, *, quiet: bool) -> Path:
    """Publishes a run's best weights as the next version of its model.

    Args:
        folder: The run.
        models: The models folder.
        quiet: Show no progress.

    Returns:
        The version's folder.

    Raises:
        ExportError: The check failed or the folder cannot be written; nothing was published.
    """
    experiment = folder.experiment()
    if not folder.finished:
        raise TrainingError(f"{folder.path}: the run is not finished; go on with `tfapp train ... --resume` first")
    model = load_model(folder.model)
    if not model.task.outputs:
        raise ExportError(f"{folder.path}: {experiment.task} makes nothing to serve; train another task on its preset")
    samples = folder.read("data")["samples"]
    return _publish(model, experiment, models, _metadata(folder, experiment), samples, quiet=quiet)


def export_untrained(experiment: Experiment, models: Path, *, quiet: bool) -> Path:
    """Publishes a model that answers before any training, as the next version of its name.

    Args:
        experiment: Of a task whose models are pretrained whole; its data and training are not looked at.
        models: The models folder.
        quiet: Show no progress.

    Returns:
        The version's folder.

    Raises:
        ModelError: The preset cannot be used.
        ExportError: As of `export_run`.
    """
    with progress(f"Bringing {experiment.model.preset}", "bytes", quiet=quiet) as advance:
        preset = load_preset(experiment.model.preset, on_progress=advance)
    model = build_model(experiment.task, experiment.model, (), preset=preset)
    facts = {"preset": experiment.model.preset, "kind": experiment.model.kind, "tfapp_version": __version__}
    settings = dump_toml(experiment, without=("data", "training"))
    metadata = facts | {"data": {}, "metrics": {}, "settings": settings}
    return _publish(model, experiment, models, metadata, (), quiet=quiet)


def _publish(
    model: TaskModel,
    experiment: Experiment,
    models: Path,
    metadata: dict[str, Any],
    samples: Sequence[Row],
    *,
    quiet: bool,
) -> Path:
    with progress("Exporting and comparing with Keras", quiet=quiet), staging_folder(models, experiment.name) as staged:
        export_model(
            model,
            staged,
            name=experiment.name,
            metadata=metadata,
            texts=samples,
            max_length=experiment.export.max_length or experiment.model.max_length,
            warmup_requests=experiment.export.warmup_requests,
        )
        return publish(staged, models, experiment.name)


def _metadata(folder: RunFolder, experiment: Experiment) -> dict[str, Any]:
    kept = folder.read("evaluation")
    evaluation = Evaluation.from_dict(kept)
    data = folder.read("data")
    return {
        "preset": experiment.origin if experiment.model.kind == "bert" else experiment.model.preset,
        "kind": experiment.model.kind,
        "tfapp_version": __version__,
        "run": folder.path.name,
        "data": {
            "source": experiment.data.train,
            "fingerprint": data["fingerprint"],
            **{f"{side}_rows": count for side, count in data["report"]["rows"].items()},
        },
        "metrics": {
            "evaluated_on": kept["on"],
            evaluation.unit: evaluation.count,
            **evaluation.metrics(),
        },
        "settings": dump_toml(experiment),
    }
