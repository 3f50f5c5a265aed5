"""Publishes models as the next versions of their names: a run's, or a preset as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tfapp.config import Experiment, dump_toml
from tfapp.core.progress_bar import progress
from tfapp.core.rows import Row
from tfapp.errors import ExportError, SettingsError, TrainingError
from tfapp.evaluation import Evaluation
from tfapp.models import TaskModel, load_preset
from tfapp.registry.atomic_publish import publish, staging_folder
from tfapp.savedmodel import PackedEncoder, export_model, full_disk_errors, make_encoder
from tfapp.tasks.experiments import parse_experiment, read_run_settings
from tfapp.tasks.models import build_model, load_model
from tfapp.tasks.registry import find_task, read_evaluation
from tfapp.training import RunFolder
from tfapp.version import __version__
from tfapp.workflows.precision_check import check_precision
from tfapp.workflows.precision_choice import PrecisionChoice, choose_export_precision
from tfapp.workflows.summarize_run import read_learning_curve, read_members

__all__ = ["export_run", "export_settings", "export_untrained"]

# More would make the record of a version large; then the intervals tell.
_MOST_WRONG: Final = 20_000


def export_run(
    folder: RunFolder, models: Path, *, overrides: Sequence[str] = (), force: bool = False, quiet: bool
) -> Path:
    """Publishes a run's best weights as the next version of its model, and returns the version's folder.

    Args:
        folder: The run.
        models: The models folder.
        overrides: Settings of the export, as `export.precision=bfloat16`.
        force: Publish in fewer bits than float32 whatever that loses on the dev split.
        quiet: Show no progress.

    Raises:
        ExportError: The check failed or the folder cannot be written; nothing was published.
        OSError: The disk is full; nothing was published.
        SettingsError: A setting has an unknown name, breaks its rule, or is none of the export.
    """
    experiment = export_settings(folder, overrides)
    if not folder.is_finished:
        raise TrainingError(f"{folder.path}: the run is not finished; go on with `tfapp train ... --resume` first")
    model = load_model(folder.model)
    if find_task(experiment.task).card is None:
        raise ExportError(f"{folder.path}: {experiment.task} makes nothing to serve; train another task on its preset")
    metadata, settings = _metadata(folder, experiment), experiment.export
    choice = None
    if settings.precision == "auto":
        choice = choose_export_precision(folder, model, experiment, quiet=quiet)
        metadata["precision_choice"] = choice.metadata()
        settings = settings.model_copy(update={"precision": choice.name})
    encoder = make_encoder(model, settings)
    if encoder and not encoder.precision.exact:
        metadata["precision_check"] = (
            choice.check() if choice else check_precision(folder, model, encoder, force=force, quiet=quiet)
        )
    samples = folder.read("data")["samples"]
    return _publish(
        model, encoder=encoder, experiment=experiment, models=models, metadata=metadata, samples=samples, quiet=quiet
    )


def export_untrained(experiment: Experiment, models: Path, *, force: bool = False, quiet: bool) -> Path:
    """Publishes a model that answers before any training, as the next version of its name; returns its folder.

    The experiment is of a task whose models are pretrained whole; its data and training are not looked at. `force`
    publishes in fewer bits than float32 without data to check that on.

    Raises:
        ModelError: The preset cannot be used.
        ExportError: As of `export_run`.
    """
    with progress(f"Bringing {experiment.model.preset}", "bytes", quiet=quiet) as advance:
        preset = load_preset(experiment.model.preset, on_progress=advance)
    model = build_model(experiment.task, experiment.model, (), preset=preset)
    model_metadata = {"preset": experiment.model.preset, "kind": experiment.model.kind, "tfapp_version": __version__}
    metadata: dict[str, Any] = model_metadata | {
        "data": {},
        "metrics": {},
        "settings": dump_toml(experiment, without=("data", "training")),
    }
    settings = experiment.export
    if settings.precision == "auto":
        choice = PrecisionChoice("float32", "an untrained preset has no dev split to check the other precisions on")
        metadata["precision_choice"] = choice.metadata()
        settings = settings.model_copy(update={"precision": choice.name})
    encoder = make_encoder(model, settings)
    if encoder and not encoder.precision.exact and not force:
        raise ExportError(
            f"export.precision {encoder.precision.name}: an untrained preset has no dev split to check it on; "
            "export in float32, or with --force"
        )
    return _publish(
        model, encoder=encoder, experiment=experiment, models=models, metadata=metadata, samples=(), quiet=quiet
    )


def export_settings(folder: RunFolder, overrides: Sequence[str]) -> Experiment:
    """Returns a run's settings with other ones of the export.

    Raises:
        SettingsError: A setting has an unknown name, breaks its rule, or is none of the export.
    """
    experiment = read_run_settings(folder.path)
    override = next((item for item in overrides if not item.strip().startswith("export.")), None)
    if override:
        raise SettingsError(
            f"--set {override}: a run has its settings; only those of export. can be set for its export"
        )
    return parse_experiment(experiment.model_dump(exclude_none=True), overrides) if overrides else experiment


def _publish(
    model: TaskModel,
    *,
    encoder: PackedEncoder | None,
    experiment: Experiment,
    models: Path,
    metadata: dict[str, Any],
    samples: Sequence[Row],
    quiet: bool,
) -> Path:
    with (
        progress("Exporting and comparing with Keras", quiet=quiet),
        staging_folder(models, experiment.name) as staging,
        full_disk_errors(models),
    ):
        export_model(
            model,
            staging,
            name=experiment.name,
            metadata=metadata,
            texts=samples,
            max_length=experiment.export.max_length or experiment.model.max_length,
            warmup_requests=experiment.export.warmup_requests,
            words=find_task(experiment.task).card,
            encoder=encoder,
        )
        return publish(staging, models, experiment.name)


def _metadata(folder: RunFolder, experiment: Experiment) -> dict[str, Any]:
    record = folder.read("evaluation")
    evaluation = read_evaluation(record)
    data, curve = folder.read("data"), read_learning_curve(folder)
    members = read_members(folder)
    return {
        "preset": experiment.origin if experiment.model.kind == "bert" else experiment.model.preset,
        "kind": experiment.model.kind,
        "tfapp_version": __version__,
        "run": folder.path.name,
        **({"average_of": members} if members else {}),
        "data": {
            "source": experiment.data.train,
            "fingerprint": data["fingerprint"],
            **{f"{split}_rows": count for split, count in data["report"]["rows"].items()},
        },
        "metrics": {
            "evaluated_on": record["on"],
            evaluation.unit: evaluation.count,
            **evaluation.metrics(),
            **_new_rows_metrics(evaluation),
        },
        "evaluation": _evaluation_record(evaluation),
        **({"calibration": evaluation.calibration_report.metadata()} if evaluation.calibration_report else {}),
        "findings": [f"{finding['message']}: {finding['action']}" for finding in data["report"]["findings"]],
        "advice": [*([curve.sentence()] if curve else []), evaluation.choice()] if evaluation.count else [],
        "settings": dump_toml(experiment),
        **({"lower_is_better": True} if evaluation.lower_is_better else {}),
    }


def _evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the record by which another version's score on the same rows is compared, see `compare_scores`."""
    has_mistakes = evaluation.wrong_rows is not None and len(evaluation.wrong_rows) <= _MOST_WRONG
    return {
        "unit": evaluation.unit,
        "rows": evaluation.rows_fingerprint,
        "interval": evaluation.main_interval,
        **({"wrong": evaluation.wrong_rows} if has_mistakes else {}),
    }


def _new_rows_metrics(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the score without the rows that repeat others or are of the training; nothing where there are none."""
    overlap = evaluation.overlap
    if overlap is None or overlap.score is None:
        return {}
    name = evaluation.main_name.replace(" ", "_")
    return {"new_" + evaluation.unit: overlap.count, f"{name}_of_new_{evaluation.unit}": overlap.score}
